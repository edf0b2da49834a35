"""`whichworker serve`: servers in the foreground, started exactly as a race starts them."""
