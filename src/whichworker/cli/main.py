"""`whichworker`: the commands, and how each failure becomes a message and an exit code."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Mapping
from typing import Any, NoReturn

import click
import cloup
from click.shell_completion import CompletionItem
from cloup.formatting import HelpFormatter, HelpSection

import whichworker
from whichworker import redaction, units
from whichworker.cli.frame import streams
from whichworker.cli.frame.exits import Exit
from whichworker.cli.frame.failures import not_utf8, text_of, unexpected
from whichworker.cli.frame.speech import Speech
from whichworker.cli.frame.table import COMMANDS, Declared
from whichworker.errors import WhichworkerError


class Commands(cloup.Group):
    """A group of the table; a command is made when it is called or its help is read."""

    def __init__(self, table: Mapping[str, Declared], **attributes: Any) -> None:
        super().__init__(**attributes)
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of a user's day."""
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, or None for click to complain about."""
        declared = self.table.get(cmd_name)
        if declared is None:
            return None
        if declared.commands:
            return Commands(declared.commands, name=cmd_name, help=f"{declared.summary}.")
        from whichworker.cli.frame.options import (
            command_of,  # the help of the group needs no options
        )

        return command_of(cmd_name, declared)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Their summaries by section, read from the table."""
        assert isinstance(formatter, HelpFormatter)
        sections: dict[str, list[tuple[str, str]]] = {}
        for name, declared in self.table.items():
            sections.setdefault(declared.section or "Commands", []).append((name, declared.summary))
        formatter.write_many_sections([HelpSection(*section) for section in sections.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Names and summaries, read from the table."""
        found = [
            CompletionItem(name, help=declared.summary)
            for name, declared in self.table.items()
            if name.startswith(incomplete)
        ]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]


def _print_version(ctx: click.Context, option: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        click.echo(f"whichworker, version {whichworker.__version__}")
        ctx.exit()


cli = Commands(
    COMMANDS,
    name="whichworker",
    help="Find out which server and worker settings to deploy for your Python web app."
    " Everything is measured on this machine.",
    epilog="Start with: whichworker race. More about a command: whichworker COMMAND --help.",
    params=[
        cloup.Option(
            ["-V", "--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_print_version,
            help="Show the version and exit.",
        )
    ],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def main() -> NoReturn:
    """Run a command; the contract lists the exit codes."""
    streams.adapt()
    redaction.remember_environment(os.environ)
    speech = Speech()
    try:
        code = cli(prog_name="whichworker", standalone_mode=False, obj=speech)
    except click.exceptions.Exit as error:
        code = error.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        code = Exit.USAGE
    except BrokenPipeError:
        code = Exit.USAGE  # the reader closed the pipe
    except (click.ClickException, WhichworkerError, OSError) as error:
        if speech.verbose:
            _say(traceback.format_exc())
        _say(text_of(error))
        code = Exit.USAGE
    except (KeyboardInterrupt, click.Abort):
        click.echo("whichworker: interrupted", err=True)
        code = Exit.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last handler: no traceback reaches a user
        if speech.verbose:
            _say(traceback.format_exc())
        _say(not_utf8(error) or unexpected(error))
        code = Exit.USAGE
    code = int(code) if isinstance(code, int) else Exit.OK
    lost = streams.flush()
    if lost is not None and code == Exit.OK:
        _say(text_of(lost))
        code = Exit.USAGE
    sys.exit(code)


def _say(text: str) -> None:
    """A message on standard error, without secrets, and harmless for a terminal."""
    with contextlib.suppress(OSError):  # a full disk or a closed pipe: the exit code still tells
        click.echo(units.visible(redaction.clean(text)), err=True)
