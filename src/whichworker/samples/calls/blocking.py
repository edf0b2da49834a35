"""One call that blocks its thread: by requests and httpx, with a new client or a kept one."""

import httpx
import requests
from requests.adapters import HTTPAdapter

from calls.reuse import PerProcess
from calls.upstream import country

KEPT_CONNECTIONS = 1000  # more than any server has threads
PATIENCE_SECONDS = 60.0  # twice the longest delay


def by_requests(url):
    """As most tutorials show it: the function of the module, which builds and drops a session."""
    return read(requests.get(url))


def by_requests_reused(url):
    """One session of the process; its pool is safe for threads, and cookies are not used."""
    return read(session().get(url, timeout=PATIENCE_SECONDS))


def by_httpx(url):
    """The function of the module, which builds and drops a client, TLS context included."""
    return read(httpx.get(url))


def by_httpx_reused(url):
    """One client of the process."""
    return read(client().get(url))


def read(response):
    response.raise_for_status()
    return country(response.json())


def make_session():
    made = requests.Session()
    made.mount("http://", HTTPAdapter(pool_connections=4, pool_maxsize=KEPT_CONNECTIONS))
    return made


def make_client():
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=KEPT_CONNECTIONS)
    return httpx.Client(limits=limits, timeout=PATIENCE_SECONDS)


session = PerProcess(make_session)
client = PerProcess(make_client)
