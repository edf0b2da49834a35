"""GINO's row of study C: what happens when one installs it today."""

GINO_EVIDENCE = "no release since 2020; it needs SQLAlchemy below 1.4, which the async SQLAlchemy that replaced it is not"
