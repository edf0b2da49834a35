"""What all commands share: commands, options, errors, exit codes, consoles, progress."""
