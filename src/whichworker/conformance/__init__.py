"""What every server must do correctly, and which server setups may race: `whichworker preflight`, and the start of a race."""
