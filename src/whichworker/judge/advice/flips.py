"""When another arm would be the better one to deploy: sentences that the numbers support."""

from __future__ import annotations

from collections.abc import Iterator

from whichworker import units
from whichworker.result import ArmResult, Cost, Result

LESS = 0.8
"""A fifth less memory or CPU is worth naming to a user who has little of it."""


def flips_when(result: Result, best: ArmResult, arms: list[ArmResult]) -> Iterator[str]:
    """The conditions, each with the arm that would be better."""
    others = [arm for arm in arms if arm.name != best.name]
    rival = _likeliest(result, best, others)
    if rival is not None:
        yield f"a longer run shows {rival.name} to be faster: the two are not decided yet"
    lighter = [
        arm
        for arm in others
        if arm.memory_bytes and best.memory_bytes and arm.memory_bytes < LESS * best.memory_bytes
    ]
    if lighter:
        least = min(lighter, key=lambda arm: arm.memory_bytes or 0)
        at = f", at {_share(least, best)} of the throughput" if _share(least, best) else ""
        needs = units.show_bytes(least.memory_bytes or 0)
        own = units.show_bytes(best.memory_bytes or 0)
        yield f"memory counts most: {least.name} needs {needs} instead of {own}{at}"
    cheaper = [arm for arm in others if _cpu(arm) < LESS * _cpu(best)]
    if cheaper:
        least = min(cheaper, key=_cpu)
        spent, own = units.show_seconds(_cpu(least)), units.show_seconds(_cpu(best))
        yield f"CPU counts most: {least.name} needs {spent} of CPU per request instead of {own}"
    patient = [arm for arm in others if _certified(arm) > _certified(best) > 0]
    if patient:
        most = max(patient, key=_certified)
        rate, own = units.show_rate(_certified(most)), units.show_rate(_certified(best))
        rate = f"{rate}/s, not {own}/s"
        yield f"response times count most: the validated rate of {most.name} is {rate}"
    if best.attribution is not None and best.attribution.cause == "worker slots":
        yield (
            "the app waits longer for databases or other services than it did here: its limit is"
            " worker slots, so it would need more of them"
        )


def _likeliest(result: Result, best: ArmResult, others: list[ArmResult]) -> ArmResult | None:
    """The fastest of those still in the race that are not decided against the advised arm."""
    opponents = {_opponent(best.name, pair) for pair in result.undetermined}
    rivals = [arm for arm in others if arm.name in opponents and not arm.dropped]
    return max(rivals, key=lambda arm: arm.speed, default=None)


def _opponent(name: str, pair: tuple[str, str]) -> str | None:
    if name not in pair:
        return None
    return pair[1] if pair[0] == name else pair[0]


def cost_of(best: ArmResult, arms: list[ArmResult], memory_limit_bytes: int | None) -> Cost:
    """The needs of the arm; memory for each worker from arms that differ in workers alone."""
    each = _per_worker(best, arms)
    workers = best.settings.get("workers")
    most = None
    if each and memory_limit_bytes and best.memory_bytes and isinstance(workers, int):
        most = max(1, workers + int((memory_limit_bytes - best.memory_bytes) // each))
    return Cost(
        cpu_seconds_per_request=best.cpu_seconds_per_request,
        memory_bytes=best.memory_bytes,
        memory_per_worker_bytes=round(each) if each else None,
        most_workers=most,
        memory_limit_bytes=memory_limit_bytes,
    )


def _per_worker(best: ArmResult, arms: list[ArmResult]) -> float | None:
    """Memory of one more worker, from the arms of the same kind with the fewest and the most."""
    alike = [
        arm
        for arm in arms
        if (arm.server, arm.kind) == (best.server, best.kind)
        and arm.memory_bytes
        and _others(arm) == _others(best)
    ]
    by_workers = {
        int(arm.settings["workers"]): arm.memory_bytes or 0
        for arm in alike
        if isinstance(arm.settings.get("workers"), int)
    }
    if len(by_workers) > 1:
        few, many = min(by_workers), max(by_workers)
        slope = (by_workers[many] - by_workers[few]) / (many - few)
        return slope if slope > 0 else None
    workers = best.settings.get("workers")
    return (
        best.memory_bytes / workers
        if best.memory_bytes and isinstance(workers, int) and workers
        else None
    )


def _others(arm: ArmResult) -> dict[str, int | str]:
    return {name: value for name, value in arm.settings.items() if name != "workers"}


def _cpu(arm: ArmResult) -> float:
    return arm.cpu_seconds_per_request or float("inf")


def _certified(arm: ArmResult) -> float:
    return (arm.capacity_per_second.certified or 0.0) if arm.capacity_per_second else 0.0


def _share(arm: ArmResult, best: ArmResult) -> str:
    if arm.throughput_per_second is None or best.throughput_per_second is None:
        return ""
    return f"{arm.throughput_per_second.value / best.throughput_per_second.value:.0%}"
