"""Where the upstream is, and what it is asked."""

import os

VARIABLE = "WHICHWORKER_UPSTREAM"
COUNTRIES = 253  # rows of countries.json
DELAY_SECONDS = 0.05  # of a call, as in the published study
LONGEST_SECONDS = 30.0  # the upstream's own limit
FANOUT_SECONDS = (0.3, 0.6, 0.15)  # delays of the three calls


class NoUpstream(RuntimeError):
    """Nobody said where the upstream is."""


class NotAsked(ValueError):
    """A country or a delay that the upstream does not have."""


def url(number, seconds):
    """The URL of one country, answered after so many seconds."""
    base = os.environ.get(VARIABLE)
    if not base:
        raise NoUpstream("set %s, for example to http://127.0.0.1:4711" % VARIABLE)
    if not 0 <= number < COUNTRIES or not 0 <= seconds <= LONGEST_SECONDS:
        raise NotAsked("country %r after %r s" % (number, seconds))
    return "%s/countries/%d?delay=%.6f" % (base.rstrip("/"), number, seconds)


def one(country, delay=None):
    """The URL for the texts of a query."""
    return url(int(country), DELAY_SECONDS if delay is None else float(delay))


def three(countries):
    """The URLs of `1,2,3`: three calls that together take as long as the slowest."""
    numbers = [int(text) for text in countries.split(",")]
    if len(numbers) != len(FANOUT_SECONDS):
        raise NotAsked(countries)
    return [url(number, seconds) for number, seconds in zip(numbers, FANOUT_SECONDS)]


def country(found):
    """The part of the upstream's response to pass on; KeyError if something is missing."""
    return {"number": found["number"], "code": found["code"], "name": found["name"]}
