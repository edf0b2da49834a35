"""FastAPI with the whole built-in Django project mounted under it."""
