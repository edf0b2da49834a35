"""The design and statistics of a race: pure functions, without clock, process or printing."""
