"""From a journal to a result. Nothing in this room measures."""
