"""From a folder and options to a `Question`, which says what will be measured: asked, discovered, learnt, planned."""
