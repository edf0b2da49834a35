"""The servers: a literal table, one protocol, and one file for each family."""
