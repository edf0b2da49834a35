"""`python -m whichworker`."""

from whichworker.cli.main import main

main()
