"""`whichworker`: the commands, and how each failure becomes a message and an exit code."""

from __future__ import annotations

import importlib
import os
import signal
import sys
from types import FrameType
from typing import NoReturn

import click

import whichworker
from whichworker import redaction
from whichworker.errors import WhichworkerError

COMMANDS = {
    "race": "whichworker.cli.race:race",
    "advise": "whichworker.cli.advise:advise",
    "init": "whichworker.cli.init:init",
    "show": "whichworker.cli.show:show",
    "load": "whichworker.cli.load:load",
    "serve": "whichworker.cli.serve:serve",
    "preflight": "whichworker.cli.preflight:preflight",
    "study": "whichworker.cli.study:study",
    "explain": "whichworker.cli.explain:explain",
    "servers": "whichworker.cli.servers:servers",
    "cache": "whichworker.cli.cache:cache",
    "doctor": "whichworker.cli.doctor:doctor",
}

USAGE = 2
INTERRUPTED = 130


class Commands(click.Group):
    """Commands by name, imported when asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of a user's day."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, or None for click to complain about."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command


@click.group(
    cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(whichworker.__version__, prog_name="whichworker")
def cli() -> None:
    """Which server and worker should serve my Python web app? Measured, on this machine."""


def main() -> NoReturn:
    """Run a command; exit codes are those of the contract."""
    redaction.remember_environment(os.environ)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup means it
            signal.signal(number, _interrupt)
    try:
        code = cli(standalone_mode=False)
    except click.exceptions.Exit as error:
        code = error.exit_code
    except click.ClickException as error:
        error.show()
        code = USAGE
    except WhichworkerError as error:
        click.echo(redaction.clean(f"whichworker: {error}"), err=True)
        code = error.exit_code
    except BrokenPipeError:
        sys.stdout = None  # nobody reads on: nothing is left to flush
        code = USAGE
    except OSError as error:
        click.echo(
            redaction.clean(f"whichworker: {error}\nhint: whichworker doctor looks at the machine"),
            err=True,
        )
        code = USAGE
    except (KeyboardInterrupt, click.Abort):
        click.echo("whichworker: interrupted", err=True)
        code = INTERRUPTED
    sys.exit(code if isinstance(code, int) else 0)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    """TERM and HUP end a run as Ctrl-C does: everything kept, nothing left running."""
    raise KeyboardInterrupt
