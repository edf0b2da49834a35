"""Showing a result: terminal, HTML, JSON. Everything shown derives from the one result."""
