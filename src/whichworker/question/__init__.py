"""From a folder and options to what will be measured: which app, which requests, which server setups, which budget."""
