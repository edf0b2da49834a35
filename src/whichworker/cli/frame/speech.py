"""How much a command says: `-q` and `-v`."""

from __future__ import annotations

import click


class Speech:
    """The options of the output; click hands one to every command."""

    quiet = False
    verbose = False


def asked() -> Speech:
    """How much the command that runs shall say."""
    context = click.get_current_context(silent=True)
    return (context.find_object(Speech) if context else None) or Speech()
