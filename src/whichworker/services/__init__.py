"""The services that an app needs: PostgreSQL, Redis and a local upstream. They are started for the run, or given as URLs."""
