"""What was measured, kept: the journal is the truth, everything else can be rebuilt from it."""
