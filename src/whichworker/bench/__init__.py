"""The test bench: one server and one load generator, launched, loaded and probed together. Everything that measures uses it."""
