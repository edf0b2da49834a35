"""Where the requests to a user's app come from: the command line, an access log, a browser's recording, a schema, or its routes."""
