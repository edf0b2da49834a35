"""Which rate does each finalist sustain within the objective? The second stage of a race; its statistics are in `design.capacity`."""
