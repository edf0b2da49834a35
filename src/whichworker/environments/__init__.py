"""Interpreters, and the cached virtual environments built on them."""
