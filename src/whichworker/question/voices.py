"""Whose response is correct: that of the app itself and of most servers, not one server's habit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from msgspec import Struct

from whichworker.workloads import learning
from whichworker.workloads.learning import Seen

ALONE = "the app alone"


class Voice(Struct, frozen=True):
    """The responses of one server, or of the app alone; `later` those at another time of day."""

    name: str
    seen: tuple[Seen, ...]
    later: tuple[Seen, ...] = ()

    @property
    def kinds(self) -> set[tuple[int, str]]:
        """The statuses and types of its responses."""
        return {(one.status, one.content_type) for one in self.seen}


class Agreement(Struct, frozen=True):
    """The responses to learn from, and the voices that say something else."""

    seen: tuple[Seen, ...]
    differing: tuple[Voice, ...] = ()


def agree(voices: Sequence[Voice], again: Callable[[str], Voice]) -> Agreement:
    """The responses of most voices; of two that disagree, those of the app alone.

    A body that only one server gives counts as that server's habit if it gives it `again`, in
    another launch: else it is chance, and what differs is not compared.
    """
    kinds = Counter(next(iter(one.kinds)) for one in voices if len(one.kinds) == 1)
    if any(len(one.kinds) > 1 for one in voices) or not kinds:
        return Agreement(tuple(seen for one in voices for seen in one.seen))
    own = next((one for one in voices if one.name == ALONE and one.seen[0].status < 400), voices[0])
    most = max(kinds.values())
    chosen = next(iter(own.kinds)) if kinds[next(iter(own.kinds))] == most else _most(kinds)
    same = [one for one in voices if chosen in one.kinds]
    odd = [one for one in same if len(same) > 2 and _is_odd(one, same, again)]
    agreed = [one for one in same if one not in odd] if len(odd) == 1 else same
    every = [seen for one in agreed for seen in (*one.seen, *_like(chosen, one.later))]
    left = tuple(one for one in voices if one not in agreed)
    return Agreement(tuple(every), left)


def _most(kinds: Counter[tuple[int, str]]) -> tuple[int, str]:
    return kinds.most_common(1)[0][0]


def _like(kind: tuple[int, str], seen: Sequence[Seen]) -> list[Seen]:
    """A login may have expired at another time: then its response says nothing."""
    return [one for one in seen if (one.status, one.content_type) == kind]


def _is_odd(voice: Voice, same: Sequence[Voice], again: Callable[[str], Voice]) -> bool:
    """Whether a server gives another body than all others, each time it is launched."""
    if voice.name == ALONE:
        return False
    kind = next(iter(voice.kinds))
    others = [
        seen for one in same if one is not voice for seen in (*one.seen, *_like(kind, one.later))
    ]
    if _fits(others, voice.seen):
        return False
    return _fits(list(voice.seen), again(voice.name).seen)


def _fits(known: Sequence[Seen], seen: Sequence[Seen]) -> bool:
    """Whether responses have all that the known ones share."""
    learnt = learning.learn(known)
    if learnt is None:
        return False
    answer = learnt.answer
    return all(
        one.body == answer.body
        if answer.body is not None
        else all(part in one.body for part in answer.contains)
        for one in seen
    )
