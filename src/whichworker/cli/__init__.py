"""The command line: one file a command; only this room and the reports print."""
