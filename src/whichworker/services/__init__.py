"""Services that an app needs: an upstream, PostgreSQL, Redis; private or given by a URL."""
