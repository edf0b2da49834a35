"""The app under test: which one is meant, where it is, and what it is seen to be from inside."""
