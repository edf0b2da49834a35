"""Compare the engines of `whichworker load` with other load generators on the cheapest server.

Run as `python -m benchmarks.compare` from the root of the checkout; needs two cores, gcc, and the
chosen tools.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import results
from benchmarks.rounds import measure_memory, run_rounds, run_tool, summarise
from benchmarks.servers import HERE, cheap_server
from benchmarks.tools import TOOLS, YARDSTICK, Tool

CONNECTIONS = "16,64,256,2000"
FEWEST_FDS = 4096  # enough for the connections of the default run
MOST_ROUNDS = 50  # bounds the time of a run
MOST_SECONDS = 60  # of one round, for the same reason
MOST_CONNECTIONS = 20_000  # below the ports of one address
REHEARSAL_SECONDS = 1  # enough to see that a tool works


def main() -> None:
    """Measure, and write both files of results."""
    asked = _parse()
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        sys.exit("a server and a generator need a core each; this process may use one only")
    _allow_many_sockets()
    server_core, core = cores[0], cores[-1]
    tools = _present(asked.tools)
    # Away from the generators' core; the server's is busier than this process by far.
    os.sched_setaffinity(0, {server_core})
    with cheap_server(server_core) as server:
        for (
            tool
        ) in tools:  # what is loaded from disk or installed for the first time is not measured
            run_tool(tool, server.url, 16, REHEARSAL_SECONDS, core)
        trials = []
        for connections in asked.connections:
            trials += run_rounds(
                tools, server.url, connections, asked.rounds, asked.seconds, core, _tell
            )
        counts = (1, max(asked.connections)) if asked.memory and max(asked.connections) > 1 else ()
        memory = measure_memory(tools, server.url, counts, core)
    versions = {tool.name: tool.version() for tool in tools}
    setting = results.describe(versions, server_core, core, asked.rounds, asked.seconds)
    record = results.Record(setting=setting, rows=summarise(trials), memory=memory, trials=trials)
    asked.output.mkdir(parents=True, exist_ok=True)
    results.write(record, asked.output)
    print(results.render(record))


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _present(names: Sequence[str]) -> list[Tool]:
    """The tools that are here, the yardstick always first."""
    tools = [TOOLS[name] for name in sorted(names, key=lambda name: name != YARDSTICK)]
    missing = [tool.name for tool in tools if not _installable(tool)]
    if missing:
        sys.exit(f"not installed: {', '.join(missing)}; install it, or leave it out with --tools")
    return tools


def _installable(tool: Tool) -> bool:
    return tool.name not in ("wrk", "h2load", "hey") or shutil.which(tool.name) is not None


def _allow_many_sockets() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < FEWEST_FDS:
        sys.exit(
            f"at most {most} open files are allowed, {FEWEST_FDS} are needed; hint: ulimit -Hn"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description=__doc__)
    parser.add_argument(
        "--tools",
        type=_tools,
        default=",".join(TOOLS),
        help="some of %(default)s; wrk is always run",
    )
    parser.add_argument(
        "--connections", type=_connections, default=CONNECTIONS, help="default %(default)s"
    )
    parser.add_argument(
        "--rounds", type=_bounded(1, MOST_ROUNDS), default=7, help="default %(default)s"
    )
    parser.add_argument(
        "--seconds",
        type=_bounded(1, MOST_SECONDS),
        default=2,
        help="of each run, default %(default)s",
    )
    parser.add_argument(
        "--no-memory", dest="memory", action="store_false", help="leave the memory runs out"
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=HERE,
        help="folder of the results, default the one of the benchmarks",
    )
    return parser.parse_args()


def _tools(text: str) -> list[str]:
    names = [name for name in text.split(",") if name]
    unknown = [name for name in names if name not in TOOLS]
    if unknown:
        raise argparse.ArgumentTypeError(f"no such tool: {', '.join(unknown)}")
    return list(dict.fromkeys([YARDSTICK, *names]))


def _connections(text: str) -> list[int]:
    read = _bounded(1, MOST_CONNECTIONS)
    return [read(word) for word in text.split(",")]


def _bounded(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(
                f"not a whole number between {least} and {most}: {text!r}"
            )
        return int(text)

    return read


if __name__ == "__main__":
    main()
