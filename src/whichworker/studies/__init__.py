"""`whichworker study`: published comparisons, measured again. Each is a table of rows and columns."""
