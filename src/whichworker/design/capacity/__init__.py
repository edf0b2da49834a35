"""The statistics of a capacity: which rate to try next, when to believe it, and the state of one arm on this way."""
