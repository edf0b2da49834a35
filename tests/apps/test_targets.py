"""Apps that are named, with or without a call."""

from __future__ import annotations

from pathlib import Path

import pytest

from whichworker.apps import builtin
from whichworker.apps.examine import Examiner
from whichworker.apps.shims import parse_call
from whichworker.apps.targets import from_target
from whichworker.environments.interpreters import own_base
from whichworker.errors import UsageError
from whichworker.store import places

SHOP = """
class App:
    def __init__(self, *given, **named): self.given = given, named
    def __call__(self, environ, start_response): ...
def create_app(name, *, size=1): return App(name, size)
def make(): return App()
def simple_app(environ, start_response): ...
async def served(scope, receive, send): ...
"""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("shop:make()", "shop:make()"),
        ("shop:create_app('a', size=2)", "shop:create_app('a', size=2)"),
        (
            'shop:create_app("it\'s", None, [1, -2.5], {"x": True})',
            "shop:create_app(\"it's\", None, [1, -2.5], {'x': True})",
        ),
    ],
)
def test_a_call_with_literals(text: str, shown: str) -> None:
    assert parse_call(text).shown == shown


@pytest.mark.parametrize(
    "text",
    [
        "shop:f(open('x'))",
        "shop:f(a)",
        "shop:f(",
        "shop:f(1))",
        "shop:f(*[1])",
        "shop:f(**{})",
        "shop:f('\\')",
        "shop:f(1) or exit()",
    ],
)
def test_nothing_else_is_a_call(text: str) -> None:
    with pytest.raises(UsageError, match="not a call with literals"):
        parse_call(text)


@pytest.mark.parametrize(
    ("target", "wsgi", "asgi"),
    [
        ("shop:simple_app", "shop:simple_app", None),
        ("shop:served", None, "shop:served"),
        ("shop:make", "whichworker_app:application", None),
        ("shop:create_app('x', size=3)", "whichworker_app:application", None),
    ],
)
def test_what_a_target_is(target: str, wsgi: str | None, asgi: str | None, tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(SHOP)
    app = from_target(target, None, tmp_path, Examiner(places.cache_folder()))
    assert (app.wsgi, app.asgi) == (wsgi, asgi)


def test_a_factory_says_what_it_needs(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(SHOP)
    with pytest.raises(UsageError, match="shop:create_app needs name") as caught:
        from_target("shop:create_app", None, tmp_path, Examiner(places.cache_folder()))
    assert "shop:create_app('…')" in caught.value.hint


@pytest.mark.servers
def test_django_in_a_single_file_has_no_module_of_settings(tmp_path: Path) -> None:
    (tmp_path / "page.py").write_text(
        "from django.conf import settings\n"
        "settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=['*'], SECRET_KEY='x' * 50)\n"
        "from django.core.wsgi import get_wsgi_application\n"
        "urlpatterns = []\n"
        "application = get_wsgi_application()\n"
    )
    cache = places.cache_folder()
    python = builtin.app("django", own_base(), cache).python
    app = from_target("page:application", python, tmp_path, Examiner(cache))
    seen = Examiner(cache).look(["page:application"], app)
    assert seen.django is not None
    assert (app.wsgi, seen.django.module) == ("page:application", "")
