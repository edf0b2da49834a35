"""One server and one generator together: launched, loaded, probed."""
