"""What the command lines share: parsers, flags, errors and exit codes."""
