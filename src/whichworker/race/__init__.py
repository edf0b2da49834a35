"""The main path: heats of rounds of slices, written to the journal one by one."""
