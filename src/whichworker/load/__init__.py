"""The load engines: they send requests, check every response and count. `race` and `whichworker load` both use them."""
