"""The servers: a literal table, one protocol, one file per family."""
