"""From a journal to a result: verdicts, ranks, validity, reasons. Nothing in this room measures."""
