"""bjoern has no command: one socket, and as many processes as asked for, each with a loop of its own."""

import argparse
import contextlib
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
    children: list[int] = []
    stopped = False

    def stop(number: int, _: object) -> None:
        nonlocal stopped
        stopped = True
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)  # before the first child: whoever sees one serve may stop it at once
    while len(children) < given.workers and not stopped:
        children.append(fork())
    if stopped:
        stop(signal.SIGTERM, None)  # a child that was being born when the signal came
    for child in children:
        os.waitpid(child, 0)


def fork() -> int:
    """A child that serves from the shared socket."""
    child = os.fork()
    if child:
        return child
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        bjoern.run()
    except KeyboardInterrupt:
        os._exit(0)
    os._exit(0)


if __name__ == "__main__":
    main()
