"""The options: one struct gives the flag, the environment variable, the key in the file and the reference page."""
