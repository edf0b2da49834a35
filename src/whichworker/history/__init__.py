"""The runs that are kept: which there are, and what two of them have in common."""
