"""What is asked of an app, and what a right answer to it is."""
