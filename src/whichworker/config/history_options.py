"""The options of the commands about kept runs; never in the configuration file."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from whichworker.config.option import option
from whichworker.config.shared_options import Json, ResultOptions


class ListOptions(Struct, frozen=True, kw_only=True):
    """The options of `whichworker list`."""

    all: Annotated[bool, option("Runs of every folder, not only of this one", group="Output")] = (
        False
    )
    last: Annotated[str, option("Most runs to list", "N")] = "20"
    json: Json = ""


class ShowRunOptions(ResultOptions, frozen=True, kw_only=True):
    """The options of `whichworker show run`."""


class OpenOptions(Struct, frozen=True, kw_only=True):
    """The options of `whichworker open`."""

    no_browser: Annotated[
        bool, option("Write the report and print its path only", group="Output")
    ] = False


class LiveOptions(Struct, frozen=True, kw_only=True):
    """The options of `whichworker live`."""

    port: Annotated[
        str, option("Port of the page on 127.0.0.1; 0 is any free one", "N", group="Run")
    ] = "0"
