"""Requests for a user's app: from options, an access log, a HAR file, a schema or its routes."""
