"""From a run to files: each kind is written and read back by one module, and verified beside what was raced."""
