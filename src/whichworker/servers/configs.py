"""The configurations of servers: start scripts, and the kinds of file that servers read."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from whichworker.model import Command
from whichworker.model.arms import ConfigFile

Options = Mapping[str, str | int | bool]
"""A server's options by name; true or false is a switch without a value."""


def flags(options: Options, names: Mapping[str, str] | None = None) -> list[str]:
    """The options as flags, `--name value` with dashes; `names` has flags with other names.

    A switch that is off is `--no-name`.
    """
    found: list[str] = []
    for name, value in options.items():
        flag = (names or {}).get(
            name, ("--no-" if value is False else "--") + name.replace("_", "-")
        )
        found += [flag] if isinstance(value, bool) else [flag, str(value)]
    return found


def assignments(options: Options) -> str:
    """The options as Python assigns them."""
    return "".join(
        f'{name} = "{value}"\n' if isinstance(value, str) else f"{name} = {value!r}\n"
        for name, value in options.items()
    )


def toml(options: Options) -> str:
    """The options as a flat TOML file."""
    return "".join(f"{name} = {_toml_value(value)}\n" for name, value in options.items())


def ini(section: str, options: Options) -> str:
    """The options as one section of an INI file."""
    return f"[{section}]\n" + "".join(
        f"{name} = {str(value).lower() if isinstance(value, bool) else value}\n"
        for name, value in options.items()
    )


def start_script(name: str, command: Command) -> ConfigFile:
    """A shell script that starts the server as a person would, one option a line."""
    lines = [
        "#!/bin/sh",
        *(
            f"export {variable}={shlex.quote(value)}"
            for variable, value in command.environment.items()
        ),
    ]
    text = "exec"
    for word in command.deploy or command.argv:
        text += (" \\\n    " if word.startswith("-") and text != "exec" else " ") + shlex.quote(
            word
        )
    return ConfigFile(name=name, text="\n".join([*lines, text]) + "\n", command=("sh", name))


def _toml_value(value: str | int | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str) else str(value)
