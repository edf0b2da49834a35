"""What is shown while something runs: a line that changes on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.control import Control
from rich.segment import ControlType
from rich.text import Text

from whichworker import units
from whichworker.cli.frame import speech
from whichworker.design.capacity.hunt import Hunt
from whichworker.model import Failure, Finding, Reading
from whichworker.race.watch import Progress
from whichworker.report.terminal import print_findings
from whichworker.store.open_loop import Shot, Sought
from whichworker.store.records import Prepared, Settled, Slice
from whichworker.studies.watch import StudyProgress

WIDTH = 24  # columns of the bar
REDRAW_SECONDS = 0.2
"""Drawing takes a millisecond or two of a core, so it is done about five times a second."""
LINE_SECONDS = 1.0
"""The last rounds of a race take a tenth of a second: a log needs no line for each of them."""
_CLEAR = Control((ControlType.CARRIAGE_RETURN,), (ControlType.ERASE_IN_LINE, 2))


class Lines:
    """Lines on a console, the last of which may change where it is a terminal."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.live = console.is_terminal
        self._drawn = False

    def clear(self) -> None:
        """Take the changing line away."""
        if self._drawn:
            self.console.control(_CLEAR)
            self._drawn = False

    def note(self, text: str) -> None:
        """Shown in place on a terminal; elsewhere with --verbose only, since most take no time."""
        if self.live:
            self._draw(Text(f"  {text} …", "dim"))
        elif speech.asked().verbose:
            self._line(Text(f"  {text}", "dim"))

    def _line(self, text: Text) -> None:
        self.clear()
        self.console.print(text)

    def _draw(self, text: Text) -> None:
        self.clear()
        text.truncate(max(20, self.console.width - 1), overflow="ellipsis")
        self.console.print(text, end="")
        self._drawn = True


class Printer(Lines):
    """Draws between slices only: a spinner that runs beside a measurement would be a part of it."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._contenders = 0
        self._drawn_at: float | None = None
        self._round = 0
        self._alive = 0
        self._open_pairs: int | None = None

    def prepared(self, record: Prepared) -> None:
        """One line for each setup that is ready."""
        most = max(record.ladder.values())
        rate = record.ladder.get(record.connections or 0, most)
        load = f" with {record.connections} connections" if record.connections else ""
        started = f"started in {units.show_seconds(record.cold_start_seconds)}"
        text = f"ready      {record.arm}: {started}, about {units.show_rate(rate)}/s{load}"
        self._line(Text(text, "dim"))

    def failed(self, arm: str, failures: tuple[Failure, ...]) -> None:
        """One line for each setup that is out."""
        first = failures[0].sample.partition("\n")[0] if failures else "unknown"
        self._line(Text.assemble(("out        ", "red"), f"{arm}: {first}"))

    def settled(self, record: Settled) -> None:
        """How the race is run."""
        self._contenders = len(record.contenders)
        known = [part.seconds for part in record.parts.values()]
        lasting = f" for {_range(known)}" if known else ""
        many = self._contenders > 1
        how = f"setups, each loaded{lasting} in turn" if many else "setup, loaded alone"
        groups = f"; in {len(record.heats)} groups: {record.reason}" if record.heats else ""
        self._line(Text(f"race       {self._contenders} {how}{groups}"))

    def slice(self, arm: str, seen: Slice, progress: Progress) -> None:
        """The bar with what is known so far on a terminal, lines about rounds elsewhere."""
        if progress.open_pairs is not None:
            self._open_pairs = progress.open_pairs
        began = progress.round != self._round
        changed = progress.alive != self._alive
        waited = self._drawn_at is None or not 0 <= seen.at - self._drawn_at < self._pause
        if not (waited if self.live else began and (waited or changed)):
            return
        self._drawn_at, self._round, self._alive = seen.at, progress.round, progress.alive
        if self.live:
            self._draw(Text(self._bar(progress)))
        else:
            self.console.print(Text(self._line_of_round(progress)))

    @property
    def _pause(self) -> float:
        return REDRAW_SECONDS if self.live else LINE_SECONDS

    def _bar(self, progress: Progress) -> str:
        """The most important first: a narrow terminal cuts off the end."""
        done = round(min(1.0, progress.spent_seconds / progress.budget_seconds) * WIDTH)
        pairs = self._open_pairs
        undecided = f"{pairs} {'pair' if pairs == 1 else 'pairs'} not decided" if pairs else ""
        leads = f"{progress.leader} leads" if progress.leader else ""
        parts = (
            _left(progress),
            f"round {progress.round}",
            self._in_race(progress),
            leads,
            undecided,
        )
        return f"{'━' * done}{'╌' * (WIDTH - done)} {', '.join(filter(None, parts))}"

    def _line_of_round(self, progress: Progress) -> str:
        leads = f"{progress.leader} leads, " if progress.leader else ""
        return f"round {progress.round}: {leads}{self._in_race(progress)}, {_left(progress)}"

    def _in_race(self, progress: Progress) -> str:
        if progress.alive == 1 < self._contenders:
            return "no other setup can be better, still comparing close ones"
        of_all = f" of {self._contenders}" if self._contenders else ""
        return f"{progress.alive}{of_all} still in the race"

    def repeated(self, arm: str, reason: str) -> None:
        """A refused window of the second stage."""
        self._line(Text(f"again      {arm}: {reason}", "yellow"))

    def pacing(self, rates: str) -> None:
        """The rates of the response times."""
        self._line(Text(f"times      at {rates}"))

    def sought(self, record: Sought) -> None:
        """The goal of the second stage."""
        names = ", ".join(record.finalists)
        self._line(Text(f"capacity   {record.slo.text} for {names}"))

    def shot(self, arm: str, record: Shot, hunt: Hunt, left_seconds: float) -> None:
        """The capacity as far as it is known."""
        found = hunt.found
        known = (
            f"{units.show_rate(found.low)}-{units.show_rate(found.high)}/s"
            if found
            else "not known yet"
        )
        certified = f", {units.show_rate(hunt.certified)}/s validated" if hunt.certified else ""
        text = (
            f"{record.phase:<8} {arm} at {units.show_rate(record.rate)}/s: "
            f"capacity {known}{certified}"
        )
        left = units.show_clock(max(0.0, left_seconds))
        if self.live:
            self._draw(Text(f"{text}, {left} left"))
        else:
            missed = f"{record.missed[0]} of {(*record.counts, record.count)[0]} missed"
            self.console.print(f"{text}, {missed}, {left} left")

    close = Lines.clear


def _range(seconds: Sequence[float]) -> str:
    """`40 to 150 ms`: whole milliseconds, or seconds if any is that long."""
    low, high = min(seconds), max(seconds)
    if high >= 1:
        shown = dict.fromkeys((units.show_seconds(low), units.show_seconds(high)))
        return " to ".join(shown)
    return " to ".join(dict.fromkeys((f"{low * 1e3:.0f}", f"{high * 1e3:.0f}"))) + " ms"


def _left(progress: Progress) -> str:
    seconds = max(0.0, progress.budget_seconds - progress.spent_seconds)
    return f"{units.show_clock(seconds)} left"


class StudyPrinter(Lines):
    """Drawn between windows only, as the line of a race."""

    def asked(self, stand: str, ask: str, reading: Reading, progress: StudyProgress) -> None:
        """The bar on a terminal, a line for each window elsewhere."""
        rate = units.show_rate(reading.throughput_per_second)
        left = units.show_clock(max(0.0, progress.budget_seconds - progress.spent_seconds))
        cells = f"{progress.done} of {progress.cells} cells whole"
        state = f"round {progress.block}, {cells}, {left} left at most"
        if self.live:
            done = round(progress.done / max(1, progress.cells) * WIDTH)
            self._draw(Text(f"{'━' * done}{'╌' * (WIDTH - done)} {state}: {stand}, {ask} {rate}/s"))
        else:
            self.console.print(f"round {progress.block} {stand}: {ask} {rate}/s, {left} left")

    def out(self, stand: str, ask: str, failures: tuple[Failure, ...]) -> None:
        """One line for each cell that is out."""
        first = failures[0].sample.partition("\n")[0] if failures else "unknown"
        self._line(
            Text.assemble(("out        ", "red"), f"{stand}{', ' if ask else ''}{ask}: {first}")
        )


class LoadPrinter(Lines):
    """A line about once a second while a load runs, drawn on a core that the generator leaves."""

    def __init__(self, console: Console, whole_seconds: float) -> None:
        super().__init__(console)
        self.reached = "before the load had begun"
        self._whole_seconds = whole_seconds
        self._former = (0.0, 0)

    def found(self, finding: Finding) -> None:
        """Printed at once: wrong responses should be known before the end of a load."""
        self.clear()
        print_findings(self.console, [finding])

    def progress(self, seconds: float, right: int, failures: int) -> None:
        """The rate of the last second, and what there is in all."""
        before, counted = self._former
        self._former = (seconds, right)
        rate = (
            units.show_rate(max(0, right - counted) / (seconds - before))
            if seconds > before
            else "–"
        )
        wrong = f", {failures:,} failures" if failures else ""
        self.reached = f"after {seconds:.0f} s with {right:,} correct responses{wrong}"
        share = min(1.0, seconds / self._whole_seconds)
        text = Text(
            f"{seconds:.0f} s  {rate}/s  {right:,} correct responses{wrong}",
            "red" if failures else "",
        )
        if self.live:
            done = round(share * WIDTH)
            left = units.show_clock(max(0.0, self._whole_seconds - seconds))
            self._draw(
                Text.assemble("━" * done + "╌" * (WIDTH - done), " ", text, f", {left} left")
            )
        else:
            self.console.print(text)
