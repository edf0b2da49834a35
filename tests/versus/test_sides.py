"""What two versions have in common, before anything is measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from whichworker.config.options import RaceOptions
from whichworker.errors import UsageError
from whichworker.model import Answer, Request
from whichworker.versus import sides

LABELS = ("main", "the folder")


def asked(path: str, body: bytes = b"x", status: int = 200, **more: object) -> Request:
    return Request(path=path, answer=Answer(status=status, body=body), **more)  # type: ignore[arg-type]


def test_the_same_responses_stay_as_they_are() -> None:
    both = (asked("/a"), asked("/b", b"bb")), (asked("/b", b"bb"), asked("/a"))
    assert sides.common(both, LABELS, named=False) == (both[1], [])


def test_a_changed_page_is_checked_by_what_is_alike() -> None:
    old = Request(path="/", answer=Answer(body=b"old", headers=(("Content-Type", "text/html"),)))
    new = Request(
        path="/",
        answer=Answer(body=b"new", headers=(("Content-Type", "text/html"), ("X-New", "1"))),
    )
    (kept,), (finding,) = sides.common(((old,), (new,)), LABELS, named=True)
    assert kept.answer == Answer(headers=(("Content-Type", "text/html"),))
    assert finding.code == "responses-changed"
    assert "1 of 1 requests have another response in the folder" in finding.text


def test_a_request_of_one_version_is_left_out() -> None:
    both = (asked("/a"), asked("/gone")), (asked("/a"), asked("/new"))
    kept, (finding,) = sides.common(both, LABELS, named=False)
    assert [one.path for one in kept] == ["/a"]
    assert finding.code == "requests-left-out"
    assert finding.evidence == "GET /new\nGET /gone"


def test_another_status_leaves_a_route_out_and_ends_a_named_one() -> None:
    both = (asked("/a", status=200), asked("/b")), (asked("/a", status=302), asked("/b"))
    kept, (finding,) = sides.common(both, LABELS, named=False)
    assert [one.path for one in kept] == ["/b"]
    assert "status 200 in main and 302 in the folder" in finding.evidence
    with pytest.raises(UsageError, match="status 200 in main and 302 in the folder"):
        sides.common(both, LABELS, named=True)


def test_nothing_in_common_is_an_error() -> None:
    with pytest.raises(UsageError, match="no request in common"):
        sides.common(((asked("/a"),), (asked("/b"),)), LABELS, named=False)


@pytest.mark.parametrize(
    ("names", "app", "options", "said"),
    [
        (("a", "b", "c"), None, {}, "one or two different versions"),
        (("a", "a"), None, {}, "one or two different versions"),
        (("a",), "builtin:django", {}, "one version only"),
        (("a",), None, {"python": ("3.11", "3.12")}, "one interpreter"),
        (("a",), None, {"login": "/login/ a=b"}, "do not share a login"),
    ],
)
def test_what_cannot_be_compared_says_why(
    names: tuple[str, ...], app: str | None, options: dict[str, object], said: str, tmp_path: Path
) -> None:
    asked_for = RaceOptions(**options)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=said):
        list(sides.at_revisions(names, app, asked_for, tmp_path, tmp_path))
