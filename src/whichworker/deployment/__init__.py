"""From a run to files: one module writes and reads back each kind, and a race verifies them."""
