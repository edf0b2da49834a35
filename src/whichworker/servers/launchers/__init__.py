"""Modules that the servers' own interpreters run, which have no whichworker: the standard library, the server and the app alone."""
