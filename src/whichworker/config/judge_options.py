"""The options of `whichworker judge`."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from whichworker.config.option import option
from whichworker.config.shared_options import Json


class JudgeOptions(Struct, frozen=True, kw_only=True):
    """The facts that a result may lack; never in the configuration file."""

    service_time: Annotated[
        str,
        option(
            "Least time that the app needs for a response, such as 1s: no server does more than"
            " connections ÷ this time",
            "TIME",
            group="Measurement",
        ),
    ] = ""
    connections: Annotated[
        str, option("Connections of the test, if the result does not say", "N")
    ] = ""
    json: Json = ""
