"""The statistics of a capacity: the next rate to probe, and when to believe the result."""
