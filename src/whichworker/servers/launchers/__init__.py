"""Scripts that start servers without a command or wrap apps. The interpreter of the server runs them: they cannot import whichworker."""
