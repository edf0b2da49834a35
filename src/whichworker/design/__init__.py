"""The design of a race and its statistics: pure functions of numbers, seeds and counts; no clock, no process, no printing."""
