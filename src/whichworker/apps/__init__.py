"""The app under test: which one it is, where it is, and its facts from inside."""
