"""A command for bjoern: one socket, and processes that each have a loop."""

import argparse
import os
import signal
from importlib import import_module
from operator import attrgetter

import bjoern  # type: ignore[import-not-found]  # only in the server's environment


def main() -> None:
    """Serve `module:attribute` until TERM or INT; the children end with their parent."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("app")
    given = parser.parse_args()
    module, _, attribute = given.app.partition(":")
    bjoern.listen(attrgetter(attribute)(import_module(module)), given.host, given.port)
    heard = {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}
    # Blocked, so that `sigwait` gets a signal that comes between two calls.
    signal.pthread_sigmask(signal.SIG_BLOCK, heard)
    children = {fork(heard) for _ in range(given.workers)}
    while children:
        number = signal.sigwait(heard)
        if number != signal.SIGCHLD:
            for child in children:
                os.kill(child, number)
        children = {child for child in children if os.waitpid(child, os.WNOHANG) == (0, 0)}


def fork(heard: set[signal.Signals]) -> int:
    """A child that serves from the shared socket."""
    child = os.fork()
    if child:
        return child
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, heard)
    try:
        bjoern.run()
    except KeyboardInterrupt:
        os._exit(0)
    os._exit(0)


if __name__ == "__main__":
    main()
