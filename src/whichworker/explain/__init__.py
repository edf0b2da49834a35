"""The measured explanation of workers: each sentence of it rests on a number that was seen on this machine."""
