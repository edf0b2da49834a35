"""What a Python package is called, however it is written."""

from __future__ import annotations

import re


def distribution(requirement: str) -> str:
    """The normalised distribution name of a requirement, a pin or a name."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\s<>=!~;\[@]", requirement, maxsplit=1)[0]).lower()
