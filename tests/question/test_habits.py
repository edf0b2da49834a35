"""The difference between servers, and its likely cause."""

from __future__ import annotations

import pytest

from whichworker.model import Answer, Request
from whichworker.question.habits import differences
from whichworker.question.voices import ALONE, Agreement, Voice
from whichworker.workloads.learning import Seen

RIGHT = Seen(200, "text/html", b"<p>at 12:01</p><p>see https://shop.test/next</p>")
PROXY = (("X-Forwarded-Proto", "https"),)


@pytest.mark.parametrize(
    ("name", "request_", "hint"),
    [
        ("waitress", Request(headers=PROXY), "--trusted-proxy 127.0.0.1"),
        ("gunicorn-gthread", Request(headers=PROXY), "--forwarded-allow-ips"),
        ("hypercorn", Request(headers=PROXY), "ProxyFixMiddleware"),
        ("cheroot", Request(headers=PROXY), "no option for it"),
        ("waitress", Request(path="//a"), "changes the path"),
        ("waitress", Request(path="/a/../b"), "changes the path"),
        ("waitress", Request(path="/a%2Fb?c"), "changes the path"),
        ("waitress", Request(method="HEAD"), "request GET"),
        ("waitress", Request(headers=(("host", "shop.test"),)), "Host header"),
        ("waitress", Request(path="/a?b=//"), "compare what both servers pass"),
        (ALONE, Request(headers=PROXY), "only a server passes"),
    ],
)
def test_the_cause_follows_from_the_request(name: str, request_: Request, hint: str) -> None:
    odd = Voice(name, (Seen(404, "text/html", b""),))
    (finding,) = differences(request_, Agreement((RIGHT,), (odd,)), Answer(body=RIGHT.body))
    assert finding.code == "servers-differ"
    assert f"{name} gives another response" in finding.text
    assert "expected status 200, got 404" in finding.text
    assert hint in finding.hint


def test_the_difference_is_not_what_changes_by_itself() -> None:
    odd = Voice("hypercorn", (Seen(200, "text/html", RIGHT.body.replace(b"https", b"http")),))
    late = Voice("uvicorn", (Seen(200, "text/plain", RIGHT.body),))
    right = Answer(contains=(b"</p><p>see https://shop.test/next</p>",))
    seen = Agreement((Seen(200, "text/html", b"<p>at 12:02</p>"), RIGHT), (odd, late))
    first, second = differences(Request(), seen, right)
    assert "expected a body that contains '</p><p>see https://shop.test/next" in first.text
    assert "got '</p><p>see http://shop.test/next" in first.text
    assert "expected type 'text/html', got 'text/plain'" in second.text
