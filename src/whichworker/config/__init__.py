"""The options: one struct gives the flag, the environment variable, the key and the page."""
