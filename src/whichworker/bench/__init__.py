"""One server and one generator held together: launched, loaded, probed."""
