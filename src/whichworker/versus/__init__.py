"""What changed between two sides: versions of the app in git, of a server, or its settings."""
