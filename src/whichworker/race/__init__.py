"""The main path of a race: `search` calls `investigation`, which calls `run`: heats of rounds of slices, written to the journal."""
