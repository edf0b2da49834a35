"""What all commands share: the table of commands, options, errors, exit codes, consoles, progress."""
