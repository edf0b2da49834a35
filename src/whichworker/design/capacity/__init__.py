"""The statistics of a capacity: where to look next, when to believe it, and one arm's way through both."""
