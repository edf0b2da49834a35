"""The checks every server must pass, and which server setups may race."""
