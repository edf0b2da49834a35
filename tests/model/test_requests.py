"""Requests, and what of them a run may keep."""

from __future__ import annotations

import pytest

from whichworker import redaction
from whichworker.model import Request, Workload


@pytest.mark.parametrize(
    ("value", "secret"),
    [
        ("Bearer tok-abcdef123456", True),
        ("Bearer [header Authorization]", True),
        ("[cookie session]", True),
        ("text/html", False),
        ("[draft]", False),
    ],
)
def test_a_header_with_a_secret_is_not_kept_with_a_run(
    value: str, secret: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redaction, "_secrets", {})
    redaction.remember("header Authorization", "tok-abcdef123456")
    request = Request(path="/", headers=(("X-Own", value),))
    assert Workload(name="", title="", requests=(Request(path="/"), request)).is_secret is secret
