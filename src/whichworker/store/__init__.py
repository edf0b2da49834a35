"""The journal of a run, from which everything else can be computed, and the places of files."""
