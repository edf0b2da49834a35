"""The engine in C, as Python drives it."""
