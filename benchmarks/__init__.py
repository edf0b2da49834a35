"""Benchmarks of the load engine, and the servers of known behaviour that its truth tests ask."""
