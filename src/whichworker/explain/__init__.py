"""The measured explanation of workers: each sentence rests on a number from this machine."""
