"""From a folder and options to what will be measured: asked, discovered, learnt, planned."""
