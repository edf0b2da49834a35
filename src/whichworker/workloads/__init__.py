"""The requests that are sent to an app, and the correct response to each."""
