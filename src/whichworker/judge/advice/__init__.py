"""From a result to what to deploy."""
