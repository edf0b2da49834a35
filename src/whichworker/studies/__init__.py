"""The published studies, measured again: each is a table of rows and columns, built on the lab."""
