"""Queues whose answer is known: the exact share of late answers of M/M/c and M/D/c, and the same
queues in virtual time."""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np


class Queue(NamedTuple):
    """`slots` servers, each request `service_seconds` on average: exactly so (`constant`), or
    exponentially distributed."""

    slots: int
    service_seconds: float
    constant: bool

    @property
    def saturation(self) -> float:
        """What it does when flooded, requests per second."""
        return self.slots / self.service_seconds


def late(queue: Queue, rate: float, seconds: float) -> float:
    """The share of requests that take longer than `seconds`, waiting included, in the steady state
    at this rate of Poisson arrivals."""
    if rate >= queue.saturation:
        return 1.0
    return (
        late_constant(queue, rate, seconds)
        if queue.constant
        else late_exponential(queue, rate, seconds)
    )


def late_exponential(queue: Queue, rate: float, seconds: float) -> float:
    """M/M/c: W is 0 with probability 1-C, else exponential of rate cμ-λ (Erlang C); response is W
    plus an exponential service."""
    c, mu = queue.slots, 1 / queue.service_seconds
    a = rate / mu
    terms = [a**k / math.factorial(k) for k in range(c)]
    tail = a**c / math.factorial(c) / (1 - a / c)
    wait = tail / (sum(terms) + tail)
    theta = c * mu - rate
    if abs(theta - mu) < 1e-9 * mu:
        return math.exp(-mu * seconds) * (1 + wait * mu * seconds)
    return math.exp(-mu * seconds) + wait * mu / (mu - theta) * (
        math.exp(-theta * seconds) - math.exp(-mu * seconds)
    )


def late_constant(queue: Queue, rate: float, seconds: float) -> float:
    """M/D/c, after Franx 2001: P(W ≤ x) = e^(-λ(kD-x)) Σ_{j<kc} Q_{kc-1-j} (λ(kD-x))^j / j! for
    (k-1)D ≤ x < kD.

    Q_m is the probability that no more than m wait; the numbers in the system one service time
    apart are a Markov chain.
    """
    d, c = queue.service_seconds, queue.slots
    x = seconds - d
    if x < 0:
        return 1.0
    k = math.floor(x / d + 1e-12) + 1
    waiting = np.cumsum(_in_system(c, rate * d))[c:]  # at most m wait: at most c + m are there
    u = rate * (k * d - x)
    terms, power = 0.0, math.exp(-u)
    for j in range(k * c):
        terms += float(waiting[min(k * c - 1 - j, waiting.size - 1)]) * power
        power *= u / (j + 1)
    return max(0.0, 1.0 - terms)


@cache
def _in_system(c: int, a: float) -> np.ndarray:
    """The stationary numbers in an M/D/c system of load a = λD: n' = max(n-c, 0) + Poisson(a)."""
    size = c + 400
    poisson = np.array([math.exp(-a + k * math.log(a) - math.lgamma(k + 1)) for k in range(size)])
    p = np.zeros(size)
    p[min(size - 1, round(a))] = 1.0
    for _ in range(20_000):
        left = np.concatenate(([p[: c + 1].sum()], p[c + 1 :]))
        new = np.convolve(left, poisson)[:size]
        new /= new.sum()
        if np.abs(new - p).sum() < 1e-13:
            break
        p = new
    return p


def capacity(queue: Queue, seconds: float, share: float) -> float:
    """The highest rate at which no more than `share` of the requests take longer than `seconds`."""
    low, high = 1e-6 * queue.saturation, queue.saturation
    while high - low > 1e-5 * queue.saturation:
        middle = (low + high) / 2
        low, high = (middle, high) if late(queue, middle, seconds) <= share else (low, middle)
    return low


def simulate(
    queue: Queue, rate: float, settle_seconds: float, window_seconds: float, seed: int
) -> list[float]:
    """Response times of the arrivals of a window, from an idle start; seconds."""
    source = random.Random(seed)
    draw: Callable[[], float] = (
        (lambda: queue.service_seconds)
        if queue.constant
        else (lambda: source.expovariate(1 / queue.service_seconds))
    )
    free = [0.0] * queue.slots
    found: list[float] = []
    now = 0.0
    while True:
        now += source.expovariate(rate)
        if now >= settle_seconds + window_seconds:
            return found
        done = max(now, free[0]) + draw()
        heapq.heapreplace(free, done)
        if now >= settle_seconds:
            found.append(done - now)
