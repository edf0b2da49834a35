"""The app under test: which one is meant, where it is, and what is known about it. The code of the built-in apps is in `samples`."""
