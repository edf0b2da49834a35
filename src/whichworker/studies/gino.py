"""GINO's row of study C: the result of installing it today."""

GINO_EVIDENCE = (
    "no release since 2020; it needs SQLAlchemy below 1.4, but its replacement, the async"
    " SQLAlchemy, is newer"
)
