"""Modules for the app's own interpreter, of any version, where whichworker is not importable."""
