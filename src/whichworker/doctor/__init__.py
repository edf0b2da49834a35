"""`whichworker doctor`: how noisy is this machine, and which objectives can it validate?"""
