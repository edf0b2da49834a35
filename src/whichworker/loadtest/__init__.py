"""`whichworker load`: a load on any URL, planned, carried out and judged. The engines are in `load`."""
