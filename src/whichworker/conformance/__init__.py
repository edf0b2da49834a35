"""What every server must get right, and which server setups may race."""
