"""Changes to lines of JSON that keep them JSON: a parser in C would refuse most changed bytes."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

ODD: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1,
    2**63,
    -(2**63) - 1,
    1e308,
    5e-324,
    -0.5,
    "",
    "a\nb",
    "\0",
    "\x1b[2J",
    "é\u2028",
    "../..",
    "/",
    [],
    {},
    [[]],
    {"": None},
)
BYTES_FIRST = 0.25
"""Share of the changes that are of bytes."""


def changed(data: bytes, most: int, random: Random, mutate: Callable[[bytes, int], bytes]) -> bytes:
    """The data with a line or a value in one of its lines changed; `most` is their longest size.

    `mutate` changes the bytes of data that have no line of JSON.
    """
    if random.random() < BYTES_FIRST:
        return mutate(data, most)
    lines = data.split(b"\n")
    at = random.randrange(len(lines))
    action = random.randrange(8)
    if action == 0 and len(lines) > 1:
        del lines[at]
    elif action == 1 and len(lines) > 1:
        lines.insert(random.randrange(len(lines)), lines[at])
    else:
        try:
            value = json.loads(lines[at])
            for _ in range(random.choice((1, 1, 1, 2, 4))):
                value = _one_changed(value, random)
            lines[at] = json.dumps(value, separators=(",", ":")).encode()
        except (ValueError, RecursionError):
            return mutate(data, most)
    whole = b"\n".join(lines)
    return whole if len(whole) <= most else mutate(data, most)


def _one_changed(value: Any, random: Random) -> Any:
    """The value with one part replaced, dropped, added, or put in another's place."""
    places = list(_places(value))
    if not places:
        return _copy(random.choice(ODD))
    inside, key = random.choice(places)
    action = random.randrange(6)
    other, other_key = random.choice(places)
    if action == 0:
        del inside[key]
    elif action == 1 and isinstance(inside, list):
        inside.insert(random.randrange(len(inside) + 1), _copy(other[other_key]))
    elif action == 2:
        inside[key] = _copy(other[other_key])
    elif action == 3 and isinstance(inside, dict):
        inside[other_key if isinstance(other_key, str) else str(other_key)] = inside.pop(key)
    elif action == 4 and isinstance(inside[key], int | float):
        inside[key] = random.choice((-inside[key], inside[key] * 10, inside[key] + 1, 0))
    elif action == 5 and isinstance(inside[key], str):
        text = inside[key]
        cut = random.randrange(len(text) + 1)
        inside[key] = text[:cut] + random.choice(("", text, "\0", " ", "é", "=", "/", "$", "%"))
    else:
        inside[key] = _copy(random.choice(ODD))
    return value


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every list or object in a value with each of its keys."""
    found: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting:
        inside = waiting.pop()
        if isinstance(inside, dict):
            found += [(inside, key) for key in inside]
            waiting += inside.values()
        elif isinstance(inside, list):
            found += [(inside, at) for at in range(len(inside))]
            waiting += inside
    return found


def _copy(value: Any) -> Any:
    return json.loads(json.dumps(value))
