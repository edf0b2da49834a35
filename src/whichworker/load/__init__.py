"""The load room: sends requests to a server, checks every response and counts them."""
