"""What is known of servers before they run: said beside an arm, found again (or not) by the conformance cases."""

from __future__ import annotations

from whichworker.model import Finding

CHUNKED_EMPTY = Finding(
    code="chunked-post-empty",
    severity="warning",
    text="the body of a chunked POST reads as 0 bytes",
    hint="let a proxy in front buffer requests, or send a Content-Length",
)
KEEP_ALIVE_STARVES = Finding(
    code="keep-alive-starves",
    severity="warning",
    text="a thread stays with its connection while that is kept: with more connections than threads the rest wait for ever",
    hint="put a proxy in front, which needs no more connections than there are threads",
)
UNSIZED_WAITS = Finding(
    code="unsized-waits",
    severity="warning",
    text="an answer without a Content-Length, such as a redirect of Django's LocaleMiddleware, ends only with its connection: after 4 s",
    hint="CommonMiddleware before all that answer by themselves, or the uwsgi protocol behind a proxy",
)
SLOW_HEADERS = Finding(
    code="no-header-timeout",
    severity="warning",
    text="a client that sends its headers slowly holds its slot for more than 95 s",
    hint="needs a proxy in front",
)
GREENLETS_ASYNC = Finding(
    code="async-views-fail",
    severity="warning",
    text="async views fail as soon as two of them run at once, or one uses the ORM: greenlets of one thread share its event loop",
    hint="serve async views by an asgi server",
)
GREENLETS_DATABASE = Finding(
    code="database-driver",
    severity="info",
    text="psycopg2 blocks every greenlet of its process; psycopg 3 is cooperative",
    hint="psycopg 3, or psycogreen",
)
THREAD_PER_REQUEST = Finding(
    code="thread-per-request",
    severity="info",
    text="nothing bounds it: Django runs each sync view in a thread of its own, with a database connection each",
    hint="bound it in front, or by the server where it has a setting for that",
)
TERM_DROPS = Finding(
    code="term-drops",
    severity="warning",
    text="TERM drops the requests in flight",
    hint="stop it with INT, which waits for them",
)
HUP_KILLS = Finding(
    code="hup-kills", severity="info", text="HUP ends it: there is no reload without a gap"
)
ONE_PROCESS = Finding(
    code="one-process",
    severity="info",
    text="one process is all there is: more cores need more instances and a proxy in front",
)
STATIC_SLOW = Finding(
    code="static-files",
    severity="info",
    text="Django's own static files handler stands in front of the app, as dj-static and WhiteNoise would; it is made for development",
    hint="serve static files by a proxy, or by WhiteNoise",
)
