"""A load on any URL: planned, carried out, judged."""
