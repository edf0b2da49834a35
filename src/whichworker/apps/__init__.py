"""The app under test: where it is, which interpreter it needs, and the environments its servers run in."""
