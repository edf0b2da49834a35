"""Scripts that run in the interpreter of the app, whatever its version: they cannot import whichworker."""
