"""What is shown while a race runs: a line that changes on a terminal, one plain line a trial elsewhere."""

from __future__ import annotations

from rich.console import Console
from rich.control import Control
from rich.segment import ControlType
from rich.text import Text

from whichworker import units
from whichworker.design.hunt import Hunt
from whichworker.lab.watch import Progress
from whichworker.model import Failure, Finding, Reading
from whichworker.report.terminal import print_findings
from whichworker.store.records import Prepared, Settled, Shot, Sought
from whichworker.studies.campaign import StudyProgress

WIDTH = 24
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

    def _line(self, text: Text) -> None:
        self.clear()
        self.console.print(text)

    def _draw(self, text: Text) -> None:
        self.clear()
        text.truncate(max(20, self.console.width - 1), overflow="ellipsis")
        self.console.print(text, end="")
        self._drawn = True


class Printer(Lines):
    """Draws between windows only: a spinner that runs beside a measurement would be a part of it."""

    def note(self, text: str) -> None:
        """Shown in place on a terminal; elsewhere not at all, since most take no time."""
        if self.live:
            self._draw(Text(f"  {text} …", "dim"))

    def prepared(self, record: Prepared) -> None:
        """One line for each arm that is ready."""
        best = units.show_rate(max(record.ladder.values()))
        text = f"ready      {record.arm}: started in {units.show_seconds(record.cold_start_seconds)}, about {best}/s"
        self._line(Text(text, "dim"))

    def failed(self, arm: str, failures: tuple[Failure, ...]) -> None:
        """One line for each arm that is out."""
        first = failures[0].sample.partition("\n")[0] if failures else "unknown"
        self._line(Text.assemble(("out        ", "red"), f"{arm}: {first}"))

    def settled(self, record: Settled) -> None:
        """How the race is run."""
        shortest, longest = min(record.window_seconds.values()), max(record.window_seconds.values())
        length = units.show_seconds(shortest) + (f" to {units.show_seconds(longest)}" if longest > shortest else "")
        self._line(Text(f"race       {record.connections} connections, windows of {length}, each on a launch of its own"))

    def window(self, arm: str, reading: Reading, progress: Progress) -> None:
        """The bar with the current estimate on a terminal, a line for each trial elsewhere."""
        rate = units.show_rate(reading.throughput_per_second)
        share = min(1.0, progress.spent_seconds / progress.budget_seconds)
        done = round(share * WIDTH)
        bar = "━" * done + "╌" * (WIDTH - done)
        left = units.show_clock(max(0.0, progress.budget_seconds - progress.spent_seconds))
        most = f", at most {progress.blocks_at_most} blocks" if progress.blocks_at_most else ""
        state = f"block {progress.block} ({progress.window}/{progress.windows}){most}, {progress.alive} in the race"
        leader = f", {progress.leader} ahead" if progress.leader else ""
        if self.live:
            self._draw(Text(f"{bar} {state}{leader}, {left} left"))
        else:
            self.console.print(f"block {progress.block} {progress.window}/{progress.windows} {arm} {rate}/s, {left} left")

    def repeated(self, arm: str, reason: str) -> None:
        """A refused window."""
        self._line(Text(f"again      {arm}: {reason}", "yellow"))

    def sought(self, record: Sought) -> None:
        """What the second stage looks for."""
        names = ", ".join(record.finalists)
        derived = f"  {record.slo.derived}" if record.slo.derived else ""
        self._line(Text.assemble("capacity   ", f"{record.slo.text} for {names}", (derived, "dim")))

    def shot(self, arm: str, record: Shot, hunt: Hunt, left_seconds: float) -> None:
        """What is known of the capacity so far."""
        found = hunt.found
        known = f"{units.show_rate(found.low)}-{units.show_rate(found.high)}/s" if found else "not known yet"
        certified = f", {units.show_rate(hunt.certified)}/s certified" if hunt.certified else ""
        text = f"{record.phase:<8} {arm} at {units.show_rate(record.rate)}/s: capacity {known}{certified}"
        if self.live:
            self._draw(Text(f"{text}, {units.show_clock(max(0.0, left_seconds))} left"))
        else:
            self.console.print(f"{text}, {record.missed[0]} of {record.count} missed, {units.show_clock(max(0.0, left_seconds))} left")

    close = Lines.clear


class StudyPrinter(Lines):
    """Drawn between windows only, as the line of a race."""

    def note(self, text: str) -> None:
        """Shown in place on a terminal; elsewhere not at all, since most take no time."""
        if self.live:
            self._draw(Text(f"  {text} …", "dim"))

    def asked(self, stand: str, ask: str, reading: Reading, progress: StudyProgress) -> None:
        """The bar on a terminal, a line for each window elsewhere."""
        rate = units.show_rate(reading.throughput_per_second)
        left = units.show_clock(max(0.0, progress.budget_seconds - progress.spent_seconds))
        state = f"block {progress.block}, {progress.done} of {progress.cells} cells whole, {left} left at most"
        if self.live:
            done = round(progress.done / max(1, progress.cells) * WIDTH)
            self._draw(Text(f"{'━' * done}{'╌' * (WIDTH - done)} {state}: {stand}, {ask} {rate}/s"))
        else:
            self.console.print(f"block {progress.block} {stand}: {ask} {rate}/s, {left} left")

    def out(self, stand: str, ask: str, failures: tuple[Failure, ...]) -> None:
        """One line for each cell that is out."""
        first = failures[0].sample.partition("\n")[0] if failures else "unknown"
        self._line(Text.assemble(("out        ", "red"), f"{stand}{', ' if ask else ''}{ask}: {first}"))


class LoadPrinter(Lines):
    """A line about once a second while a load runs; drawing it costs the core that the generator does not use."""

    def __init__(self, console: Console, whole_seconds: float) -> None:
        super().__init__(console)
        self.reached = "before the load had begun"
        self._whole_seconds = whole_seconds
        self._former = (0.0, 0)

    def found(self, finding: Finding) -> None:
        """Said at once: nobody should wait for the end of a load to learn that its answers are wrong."""
        self.clear()
        print_findings(self.console, [finding])

    def progress(self, seconds: float, right: int, failures: int) -> None:
        """The rate of the last second, and what there is in all."""
        before, counted = self._former
        self._former = (seconds, right)
        rate = units.show_rate(max(0, right - counted) / (seconds - before)) if seconds > before else "–"
        wrong = f", {failures:,} failures" if failures else ""
        self.reached = f"after {seconds:.0f} s with {right:,} right answers{wrong}"
        share = min(1.0, seconds / self._whole_seconds)
        text = Text(f"{seconds:.0f} s  {rate}/s  {right:,} right answers{wrong}", "red" if failures else "")
        if self.live:
            done = round(share * WIDTH)
            left = units.show_clock(max(0.0, self._whole_seconds - seconds))
            self._draw(Text.assemble("━" * done + "╌" * (WIDTH - done), " ", text, f", {left} left"))
        else:
            self.console.print(text)
