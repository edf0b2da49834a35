"""What an app leans on: an upstream, PostgreSQL, Redis; private instances of what is installed here, or those whose URLs are given."""
