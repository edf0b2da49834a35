"""Two lists that only who has logged in may see."""
