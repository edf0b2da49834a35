"""The requests to an app, and the correct response to each."""
