"""The routes of a load, counted apart, and the requests that miss each clause of an objective."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest

from whichworker.design.capacity import per_route
from whichworker.model import Clause, Request, RouteTally, Slo, Tally
from whichworker.model.histogram import Histogram
from whichworker.store.open_loop import RouteCount


class Routes:
    """The routes of these requests that are counted apart, and those that an objective bounds."""

    def __init__(self, requests: Sequence[Request], slo: Slo | None = None) -> None:
        self.titles = per_route.routes_of(requests, slo)
        self.clauses = slo.clauses if slo else ()
        self.bounded = {
            clause.text: per_route.route_of(clause.route, requests)[0]
            for clause in self.clauses
            if clause.route
        }

    @property
    def labels(self) -> dict[str, str]:
        """The `routes` of a load."""
        return per_route.labels_of(self.titles)

    def counts(self, tally: Tally, *, slices: bool) -> dict[str, RouteCount]:
        """Each route's requests by its name, with the `slices` of its response times if wanted."""
        return {name: self._count(name, tally, slices=slices) for name in self.titles}

    def _count(self, name: str, tally: Tally, *, slices: bool) -> RouteCount:
        due, parts = self.slices_of(name, tally)
        times = merged(parts)
        own = [clause for clause in self.clauses if self.bounded.get(clause.text) == name]
        return RouteCount(
            due=due,
            response=times.to_hdr(),
            slices=tuple(part.to_hdr() for part in parts) if slices else (),
            missed={one.text: missed_of(one, times, max(0, due - times.count)) for one in own},
        )

    def of_clauses(
        self, counted: Mapping[str, RouteCount], response: Histogram, lost: int
    ) -> list[tuple[int, int]]:
        """For each clause, how many requests it bounds, and how many of them missed it.

        `response` has the times of all requests, and `lost` of them had no correct response.
        """
        found = []
        for one in self.clauses:
            if one.route:
                route = counted[self.bounded[one.text]]
                found.append((route.due, route.missed[one.text]))
            else:
                found.append((response.count + lost, missed_of(one, response, lost)))
        return found

    def slices_of(self, name: str, tally: Tally) -> tuple[int, list[Histogram]]:
        """How many requests of a route were due, and the slices of their response times."""
        own = [one for label, one in tally.routes.items() if name in self._names(label)]
        every = [[Histogram.from_hdr(text) for text in one.slices] for one in own]
        joined = [merged(part for part in row if part is not None) for row in zip_longest(*every)]
        return sum(one.due for one in own), joined

    def late(self, tally: Tally, response: Histogram) -> int:
        """Correct responses that took longer than the longest time of the objective.

        `response` has the times of all requests. On a route with times of its own, those count.
        """
        usual = [one.seconds for one in self.clauses if one.seconds is not None and not one.route]
        late = above(response, usual)
        for label, one in tally.routes.items():
            own = self._seconds(label)
            if own:
                times = times_of(one)
                late += above(times, own) - above(times, usual)
        return late

    def _seconds(self, label: str) -> list[float]:
        names = self._names(label)
        return [
            one.seconds
            for one in self.clauses
            if one.seconds is not None and self.bounded.get(one.text) in names
        ]

    def _names(self, label: str) -> list[str]:
        return per_route.names_of(label, self.titles)


def above(times: Histogram, seconds: Sequence[float]) -> int:
    """How many times are longer than the longest of `seconds`; 0 without any."""
    return times.count_above(round(max(seconds) * 1e9)) if seconds else 0


def times_of(route: RouteTally) -> Histogram:
    """The response times of a route."""
    return merged([Histogram.from_hdr(text) for text in route.slices])


def merged(parts: Iterable[Histogram]) -> Histogram:
    """Histograms as one."""
    whole = Histogram()
    for part in parts:
        whole.merge(part)
    return whole


def missed_of(clause: Clause, response: Histogram, lost: int) -> int:
    """How many requests missed a clause: the failed ones, and those slower than it allows."""
    return lost + above(response, [clause.seconds] if clause.seconds is not None else [])
