"""From a folder and options to a `Question`: asked, discovered, learnt, planned."""
