"""A Django project of one file: a form with a CSRF token logs in, and two pages want that login.

BOOK names a file that gets a line for each login and page. WRONG=memory keeps the sessions in one
process; WRONG=unnamed gives no number to those who log in by cheroot.
"""

import os
import uuid
from pathlib import Path

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, HttpResponseRedirect
from django.middleware.csrf import get_token
from django.urls import path

WRONG = os.environ.get("WRONG", "")

settings.configure(
    SECRET_KEY="k" * 50,
    ALLOWED_HOSTS=["localhost", "127.0.0.1"],
    ROOT_URLCONF=__name__,
    SESSION_ENGINE="django.contrib.sessions.backends."
    + ("cache" if WRONG == "memory" else "signed_cookies"),
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
    ],
)


def note(*words):
    """Add a line to the book; one write to its end is never torn."""
    with Path(os.environ["BOOK"]).open("ab", buffering=0) as book:
        book.write((" ".join(words) + "\n").encode())


def login(request):
    """The form, or the member with a number of their own."""
    if request.method == "GET":
        if request.session.get("number"):
            note("mixed", "login")
        field = f'<input name="csrfmiddlewaretoken" value="{get_token(request)}">'
        return HttpResponse(f'<form method="post">{field}<input name="name"></form>')
    number = uuid.uuid4().hex
    note("login", number)
    request.session["number"] = number
    answer = HttpResponseRedirect("/home/")
    if WRONG != "unnamed" or "heroot" not in request.META["SERVER_SOFTWARE"]:
        answer["X-Number"] = number
    return answer


def page(request, number, name):
    """A page of one member; another one's is a conflict."""
    own = request.session.get("number")
    if own is None:
        return HttpResponseRedirect("/login/")
    if own != number:
        note("mixed", name)
        return HttpResponse("not yours", status=409)
    note(name, number)
    return HttpResponse(f"<h1>{name} of ann</h1>")


urlpatterns = [
    path("login/", login),
    path("home/<number>/", page, {"name": "home"}),
    path("orders/<number>/", page, {"name": "orders"}),
]
application = get_wsgi_application()
