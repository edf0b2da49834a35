"""`whichworker load`: a load on any URL. The engines are in `load`."""
