"""`whichworker explain`: what each worker class does. Each sentence rests on a number that was measured on this machine."""
