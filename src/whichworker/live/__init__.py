"""A page on loopback that shows a run while it measures, from another process: only the journal
and the processes are read, so results are the same with and without it."""
