"""Modules for the servers' own interpreters: they import the standard library, server and app."""
