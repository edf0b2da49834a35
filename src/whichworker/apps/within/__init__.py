"""What runs in the app's own interpreter, whatever its version: nothing of whichworker can be imported there."""
