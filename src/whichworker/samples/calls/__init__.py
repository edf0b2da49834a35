"""Calls to the upstream, and work that needs packages: the same code behind each framework."""
