"""The parts of charts: scales, axes and SVG elements, every word escaped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log, log10

NAMES_WIDTH = 28
"""Percent of a wide page's chart that the names need."""


@dataclass(frozen=True)
class Scale:
    """The position of a value, in percent of the width, and the ticks of the axis."""

    position: Callable[[float], float]
    ticks: tuple[float, ...]
    zero_based: bool


def linear(top: float) -> Scale:
    """A zero-based scale that ends a little beyond `top`, with about five round ticks."""
    end = (top or 1.0) * 1.02
    magnitude = 10.0 ** floor(log10(end / 5))
    step = next(
        factor * magnitude for factor in (1, 2, 2.5, 5, 10) if end / (factor * magnitude) <= 6
    )
    ticks = tuple(step * count for count in range(floor(end / step) + 1))
    return Scale(lambda value: 100 * value / end, ticks, zero_based=True)


def logarithmic(
    low: float, high: float, series: Sequence[float] = (1, 2, 5), gap: float = 11
) -> Scale:
    """A logarithmic scale over positive values, with ticks from `series` in each decade.

    Ticks are at least `gap` percent apart.
    """
    start, end = log(low) - 0.02, log(high) + 0.02

    def position(value: float) -> float:
        return 100 * (log(value) - start) / (end - start)

    decades = range(floor(log10(low)), ceil(log10(high)) + 1)
    candidates = [digit * 10.0**decade for decade in decades for digit in series]
    ticks: list[float] = []
    # Round numbers first: 1, 10, 100 keep their place when the ticks are thinned out.
    for tick in sorted(candidates, key=lambda tick: (abs(log10(tick) % 1) > 1e-9, abs(log(tick)))):
        if 0 <= position(tick) <= 100 and all(
            abs(position(tick) - position(kept)) >= gap for kept in ticks
        ):
            ticks.append(tick)
    return Scale(position, tuple(sorted(ticks)), zero_based=False)


def axis(scale: Scale, top: float, bottom: float, show: Callable[[float], str]) -> list[str]:
    """Ticks of a scale with their lines from `top` to `bottom` and their words below."""
    parts = []
    for tick in scale.ticks:
        place = scale.position(tick)
        anchor = "start" if place < 4 else "end" if place > 96 else "middle"
        parts.append(line(percent(place), top, percent(place), bottom, "grid"))
        parts.append(text(percent(place), bottom + 16, show(tick), f"tick {anchor}"))
    return parts


def chart(
    key: str,
    title: str,
    about: str,
    height: float,
    body: Iterable[str],
    span: int,
    gutter: float = 0,
) -> str:
    """A chart with its title and description for screen readers.

    The plot takes `span` percent of the width.
    """
    style = f"--height:{height:.0f}px;--gutter:{gutter:.0f}px;"
    style += f"--span:{span / 100};--names:{NAMES_WIDTH / 100}"
    labels = [
        tag("title", {"id": f"{key}-title"}, escape(title)),
        tag("desc", {"id": f"{key}-desc"}, escape(about)),
    ]
    named = {"aria-labelledby": f"{key}-title", "aria-describedby": f"{key}-desc"}
    return tag("svg", {"class": "chart", "role": "img", **named, "style": style}, *labels, *body)


def inner(parts: Iterable[str], span: int) -> str:
    """The inner plot, to the right of the names."""
    return tag("svg", {"x": f"{NAMES_WIDTH}%", "width": f"{span}%", "overflow": "visible"}, *parts)


def percent(value: float) -> str:
    """A horizontal position."""
    return f"{value:.2f}%"


def title(words: str) -> str:
    """The words that a mark shows under the pointer."""
    return tag("title", {}, escape(words))


def line(x1: str | float, y1: float, x2: str | float, y2: float, shape: str) -> str:
    """A straight line."""
    return tag("line", {"x1": x1, "y1": y1, "x2": x2, "y2": y2, "class": shape})


def text(x: str, y: float, words: str, shape: str, dx: float = 0) -> str:
    """A word, escaped."""
    return tag(
        "text", {"x": x, "y": y, "class": shape, **({"dx": dx} if dx else {})}, escape(words)
    )


def tag(name: str, attributes: Mapping[str, object], *markup: str) -> str:
    """An element: attribute values are escaped here; children are markup already."""
    written = "".join(
        f' {key}="{escape(str(value))}"' for key, value in attributes.items() if value != ""
    )
    return f"<{name}{written}>{''.join(markup)}</{name}>"
