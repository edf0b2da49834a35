"""The published studies, measured again: each is a table of rows and columns."""
