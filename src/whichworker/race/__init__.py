"""The main path of a race: `search` calls `investigation`, which calls `run`."""
