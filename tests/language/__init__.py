"""The language check of `make lint`: `python -m tests.language README.md docs help`."""
