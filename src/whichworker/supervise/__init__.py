"""Servers in the foreground, exactly as a race would start them."""
