"""The load room: asks a server for answers, checks every one of them and counts what came back."""
