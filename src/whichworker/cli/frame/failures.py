"""The text of a failure: a fact, the evidence, and a hint; also for complaints of click."""

from __future__ import annotations

import contextlib
import difflib
import os
import tempfile
import time
import traceback
from collections.abc import Iterable
from pathlib import Path

import click

from whichworker import redaction, units
from whichworker.cli.frame.table import COMMANDS, Declared
from whichworker.errors import UsageError, WhichworkerError

DOCTOR = "whichworker doctor checks this machine"
ISSUES = "the project's issue tracker"
JSON_PLACE = "name a file, or write --json - for standard output"
SERVERS = "servers are an option: whichworker serve APP --servers A,B"


def text_of(error: Exception) -> str:
    """The message of an error, in the one format."""
    if isinstance(error, click.ClickException):
        error = said_by_click(error)
    elif not isinstance(error, WhichworkerError):
        error = WhichworkerError(str(error), hint=DOCTOR)
    return f"whichworker: {error}"


def unexpected(error: Exception) -> str:
    """The message of a fault of the tool itself, whose traceback is kept in a file."""
    from whichworker.store import places

    trace = redaction.clean("".join(traceback.format_exception(error)))
    name = f"whichworker-error-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{os.getpid()}.txt"
    for folder in (places.state_folder, lambda: Path(tempfile.gettempdir())):
        with contextlib.suppress(OSError, RuntimeError):  # RuntimeError: no home folder
            path = folder() / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.write_text(trace, encoding="utf-8", errors="backslashreplace")
            where = f"send {path} to {ISSUES}"
            break
    else:
        where = f"run it again with --verbose, and report it: {ISSUES}"
    fact = f"a fault of whichworker itself: {type(error).__name__}: {error}"
    return f"whichworker: {WhichworkerError(fact, hint=where)}"


def not_utf8(error: Exception) -> str:
    """The message for a name with bytes that are no text, which no result can hold; else empty."""
    if not isinstance(error, UnicodeEncodeError) or units.is_text(error.object):
        return ""
    return text_of(UsageError(f"{error.object!r} is not text in UTF-8", hint=units.RENAME))


def said_by_click(error: click.ClickException) -> UsageError:
    """A complaint of click about the command line, as one of ours."""
    ctx = getattr(error, "ctx", None)
    if ctx is None:
        return UsageError(_lower(error.format_message()), hint="whichworker --help")
    path, fact, hint = ctx.command_path, _lower(error.format_message()), ""
    where = path.partition(" ")[2] or path
    match error:
        case click.NoSuchOption():
            fact = f"{where} has no option {error.option_name}"
            flags = [flag for parameter in ctx.command.params for flag in parameter.opts]
            hint = _renamed(path, error.option_name) or _close(error.option_name, flags)
        case click.exceptions.NoSuchCommand():
            fact = f"{where} has no command {error.command_name!r}"
            hint = _close(error.command_name, ctx.command.list_commands(ctx))
        case click.MissingParameter(param=click.Argument() as word):
            fact = f"{word.make_metavar(ctx)} is missing"
            hint = ctx.get_usage().removeprefix("Usage: ").replace("[OPTIONS] ", "")
        case click.BadParameter(param=click.Parameter() as parameter):
            name = parameter.opts[-1] if parameter.param_type_name == "option" else parameter.name
            fact = f"{name}: {_lower(error.message)}"
            hint = _close_choice(error, parameter)
        case click.BadOptionUsage(option_name="--json"):
            hint = JSON_PLACE
        case _ if "extra argument" in fact and path == "whichworker serve":
            hint = SERVERS
    return UsageError(fact, hint=hint or f"{path} --help")


def _lower(sentence: str) -> str:
    """A sentence as a fact: without its capital letter and its period."""
    return sentence[:1].lower() + sentence[1:].rstrip(".")


def _close(word: str, known: Iterable[str]) -> str:
    found = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {found[0]}?" if found else ""


def _close_choice(error: click.BadParameter, parameter: click.Parameter) -> str:
    """The choice nearest to the value, which click quotes first."""
    if not isinstance(parameter.type, click.Choice):
        return ""
    return _close(error.message.partition("'")[2].partition("'")[0], parameter.type.choices)


def _renamed(path: str, option: str) -> str:
    """The hint for a former spelling of an option of the command with this path, or nothing."""
    declared = Declared("", commands=COMMANDS)
    for word in path.split()[1:]:
        declared = declared.commands[word]
    return declared.renamed.get(option, "")
