"""A small Django project, as the tests of cases need it."""

from __future__ import annotations

from whichworker.apps import builtin
from whichworker.environments.interpreters import own_base
from whichworker.store import places

MANAGE = """import os
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "{}")
from django.core.management import execute_from_command_line
"""
CALLABLE = """import os
from django.core.{0} import get_{0}_application
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "{1}")
application = get_{0}_application()
"""
SETTINGS = """SECRET_KEY = "x" * 50
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ALLOWED_HOSTS = ["shop.test"]
"""
URLS = """from django.http import HttpResponse
from django.urls import path
urlpatterns = [path("", lambda request: HttpResponse(f"the shop, secure: {request.is_secure()}"))]
"""


def project(settings: str, *, of_manage: str = "", **modules: str) -> dict[str, str]:
    """The files of a project; `settings` is the module of its callables.

    `modules` are more lines for each module of settings, by its name within `config`.
    """
    return {
        "manage.py": MANAGE.format(of_manage or settings),
        "config/__init__.py": "",
        "config/urls.py": URLS,
        "config/wsgi.py": CALLABLE.format("wsgi", settings),
        "config/asgi.py": CALLABLE.format("asgi", settings),
        **{f"config/{name}.py": SETTINGS + more for name, more in modules.items()},
    }


def interpreter() -> str:
    """The path of one that has Django."""
    return builtin.app("django", own_base(), places.cache_folder()).python
