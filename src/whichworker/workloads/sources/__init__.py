"""Where the requests of one's own app come from: the command line, an access log, a browser's recording, a schema, the app's own routes."""
