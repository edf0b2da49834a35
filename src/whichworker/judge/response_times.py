"""The table of response times: windows of each rate merged, with the intervals they support."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import msgspec

from whichworker.design.selection import Race
from whichworker.judge import silences
from whichworker.judge.route_times import PERCENTILES, intervals, route_times
from whichworker.judge.slices import Sliced
from whichworker.model import Finding, Question, Workload, codes
from whichworker.model.histogram import Histogram
from whichworker.result import ArmResult, WaitPoint
from whichworker.store.journal import Journal
from whichworker.store.open_loop import Paced, Unpaced

MOST_ARMS, SLOW = 3, 500.0
"""The leader and its rivals, and one rival less if the leader has less than 500 requests/s, since
percentiles come with requests; today's setup comes besides."""


def waiting_arms(question: Question, race: Race, journal: Journal) -> dict[str, float]:
    """Throughput per second of the arms of the table, the leader first; empty without a leader.

    They are the leader, those that are not claimed to be slower, or else the next one, and the
    setup that serves today.
    """
    sliced, leader = Sliced(journal), race.leader()
    throughput = {
        name: rate for name in race.listed if (rate := sliced.throughput(name)) is not None
    }
    if leader is None or leader not in throughput:
        return {}
    behind = {pair.second for pair in race.pairs() if pair.verdict == "better"}
    behind |= {pair.first for pair in race.pairs() if pair.verdict == "worse"}
    others = sorted((one for one in throughput if one != leader), key=lambda one: -throughput[one])
    near = [one for one in others if one not in behind] or others[:1]
    today = [arm.name for arm in question.arms if arm.today and arm.name in throughput]
    rivals = MOST_ARMS - (2 if throughput[leader] < SLOW else 1)
    chosen = dict.fromkeys((leader, *near[:rivals], *today))
    return {name: throughput[name] for name in chosen}


class ResponseTimes:
    """The windows of a journal at shares of the leader's throughput, arm by arm.

    A resumed run may have another leader, or another throughput: only its last table counts.
    `workload` decides what arrives: requests, or whole sessions.
    """

    def __init__(self, journal: Journal, workload: Workload) -> None:
        self.workload = workload
        every = list(journal.of(Paced))
        last = every[-1].rate / every[-1].share if every else 0.0
        self.tried = [one for one in every if math.isclose(one.rate / one.share, last)]
        self.windows = [one for one in self.tried if not one.refused]
        self.lost = list(journal.of(Unpaced))

    def add_to(self, arm: ArmResult) -> ArmResult:
        """The arm's result with its response times, if it has any."""
        own = [window for window in self.windows if window.arm == arm.name]
        speed = arm.throughput_per_second.value if arm.throughput_per_second else 0.0
        points = tuple(
            self._point([window for window in own if window.share == share], speed)
            for share in sorted({window.share for window in own})
        )
        return msgspec.structs.replace(arm, waits=points) if points else arm

    def _point(self, windows: Sequence[Paced], speed: float) -> WaitPoint:
        found = _point(windows, speed)
        if not self.workload.sessions:
            return found
        rate = found.rate_per_second / self.workload.requests_per_session
        return msgspec.structs.replace(found, sessions_per_second=rate)

    def findings(self) -> Iterator[Finding]:
        """The arms that broke at a rate, and a table without any window that counts."""
        if self.tried and not self.windows:
            text = f"{len(self.tried)} windows were refused: {self.tried[-1].refused}"
            yield codes.RESPONSE_TIMES_LACKING.finding(text)
        for name in dict.fromkeys(window.arm for window in self.windows):
            own = [window for window in self.windows if window.arm == name]
            yield from silences.findings(name, own)
        for record in self.lost:
            first = record.failures[0].sample.splitlines()[0] if record.failures else ""
            text = f"{record.arm} broke while its response times were measured: {first}"
            yield codes.RESPONSE_TIMES_BROKEN.finding(text, arm=record.arm)


def _point(windows: Sequence[Paced], speed: float) -> WaitPoint:
    merged = Histogram()
    slices = [Histogram.from_hdr(text) for window in windows for text in window.slices]
    for window in windows:
        merged.merge(Histogram.from_hdr(window.response))
    rate, lost = windows[0].rate, sum(window.lost for window in windows)
    load = rate / speed if speed else 1.0
    times = {name: merged.supported_percentile(q, lost) for name, q in PERCENTILES.items()}
    requests = merged.count + lost
    return WaitPoint(
        share=windows[0].share,
        rate_per_second=rate,
        requests=requests,
        lost=lost,
        **times,
        intervals=intervals(merged, slices, load, lost=lost),
        routes=route_times([window.routes for window in windows], requests, load),
    )
