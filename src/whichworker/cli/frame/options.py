"""Commands for click, made from the table of commands and the structs of the config room."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from functools import partial
from typing import Any, Literal, get_args, get_origin

import click
import cloup
import msgspec

from whichworker.cli.frame.exits import MEANINGS
from whichworker.cli.frame.speech import Speech
from whichworker.cli.frame.table import Declared, Word
from whichworker.config.layers import name_in_file
from whichworker.config.option import default_of, extra_of


class Setting(cloup.Option):
    """An option whose default is in its struct: click sees None, the help shows that default."""

    default_text = ""

    def get_help_extra(self, ctx: click.Context) -> Any:
        """The text that the help shows in brackets."""
        extra = super().get_help_extra(ctx)
        if self.default_text:
            extra["default"] = self.default_text
        return extra


class GroupedCommand(cloup.Command):
    """A command whose complaints name it: the parser of click leaves that out."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse; raises click.UsageError with the context."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            raise


def command_of(name: str, declared: Declared) -> GroupedCommand:
    """The command as click parses it; its function is imported when it is called."""
    settings = _settings(*filter(None, (declared.options, declared.output)))
    meanings = {**MEANINGS, **declared.meanings}
    exits = "; ".join(f"{int(code)} {meanings[code]}" for code in declared.exits)
    return GroupedCommand(
        name,
        callback=partial(_carry_out, declared),
        params=[*map(_argument, declared.words), *settings, *_speech()],
        help=f"{declared.summary}.\n\n{declared.details}",
        epilog=f"Exit codes: {exits}.",
    )


def _carry_out(declared: Declared, **given: Any) -> Any:
    """Call the function of a command with its words, its typed options, and its struct."""
    words = [given.pop(word.name) for word in declared.words]
    structs: list[Any] = []
    if declared.output:
        kind = _imported(f"whichworker.config.{declared.output}")
        own = {name: given.pop(name) for name in kind.__struct_fields__}
        structs = [kind(**{name: value for name, value in own.items() if value is not None})]
    return _imported(declared.run)(*words, *([given] if declared.options else []), *structs)


def _imported(place: str) -> Any:
    """What `module:name` names."""
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)


def _argument(word: Word) -> click.Argument:
    attributes: dict[str, Any] = {"metavar": word.metavar, "help": word.help}
    if word.choices:
        attributes |= {"type": click.Choice(word.choices), "default": word.choices[0]}
    return cloup.Argument(
        [word.name], required=word.required, nargs=-1 if word.many else 1, **attributes
    )


def _settings(*places: str) -> Iterator[Setting]:
    """The options of these structs; one without a group is in that of the one before."""
    groups: dict[str, cloup.OptionGroup] = {}
    heading = ""
    for place in places:
        for field in msgspec.structs.fields(_imported(f"whichworker.config.{place}")):
            setting = _setting(field)
            heading = extra_of(field)["group"] or heading
            setting.group = groups.setdefault(heading, cloup.OptionGroup(heading))
            yield setting


def _setting(field: msgspec.structs.FieldInfo) -> Setting:
    extra, plain = extra_of(field), getattr(field.type, "__origin__", field.type)
    flag = f"--{name_in_file(field.name)}"
    attributes: dict[str, Any] = {"help": extra["description"], "default": None}
    if plain in (bool, bool | None):
        attributes["is_flag"] = True
    elif choices := _choices(plain):
        attributes["type"] = click.Choice(choices)
    else:
        attributes |= {"metavar": extra["metavar"], "multiple": field.default == ()}
    both = f"{flag}/--no-{flag[2:]}" if plain == bool | None else flag
    setting = Setting([both, field.name], **attributes)
    setting.default_text = default_of(field)
    return setting


def _choices(plain: Any) -> tuple[str, ...]:
    """The words of a Literal, which may be optional."""
    parts = (plain, *get_args(plain))
    return next((get_args(part) for part in parts if get_origin(part) is Literal), ())


def _speech() -> Iterator[cloup.Option]:
    """How much a command says, which is no matter of its own."""
    for flags, name, text in (
        (("-q", "--quiet"), "quiet", "Print results and errors only"),
        (("-v", "--verbose"), "verbose", "Also print each step, and where an error comes from"),
    ):
        yield cloup.Option(
            [*flags, name], is_flag=True, expose_value=False, help=text, callback=_remember_speech
        )


def _remember_speech(ctx: click.Context, option: click.Parameter, value: bool) -> None:
    if value and option.name:
        setattr(ctx.ensure_object(Speech), option.name, True)
