"""The HTML pages: one skeleton, and the sections of each kind of result."""
