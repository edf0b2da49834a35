"""The upstream of the built-in apps: a small HTTP/1.1 server with 253 countries and a delay.

    python server.py HOST:PORT

`/countries/<0..252>?delay=<seconds, at most 30>` is a country as JSON, the same bytes each time.
`/stats` counts the responses, the CPU time that they took, and how late timers fired: the proof
that the upstream was never the limit. It needs only the standard library of Python 3.6 or later.
Pipelined requests get their responses in order, one at a time. No request has a body.
"""

import asyncio
import json
import re
import resource
import sys
import time
from bisect import bisect_left
from pathlib import Path

MOST_CONNECTIONS = 8192  # any more get status 503
MOST_HEADER_BYTES = 8192  # the usual limit of servers
MOST_AHEAD_BYTES = 64 * 1024  # a client that sends more is paused
MOST_DELAY_SECONDS = 30.0  # the built-in apps ask for no longer delay
BEAT_SECONDS = 0.01  # 100 samples of the lag a second
COUNTRY = re.compile(rb"/countries/(0|[1-9]\d{0,2})")
DELAY = re.compile(rb"delay=(\d{1,2}(?:\.\d{1,9})?)")
REQUEST = re.compile(rb"([A-Z]{1,20}) ([\x21-\x7e]+) HTTP/1\.([01])")
REASONS = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    431: "Request Header Fields Too Large",
    503: "Busy",
}
EDGES = [5e-5 * 2 ** (step / 4) for step in range(80)]  # 50 µs to 44 s, 19 % each


class Lag:
    """How late timers fired, as counts between edges (seconds).

    A timer fires up to 1 ms late even at rest: epoll waits for whole milliseconds.
    """

    def __init__(self, loop):
        self.loop = loop
        self.counts = [0] * (len(EDGES) + 1)
        self.maximum = 0.0

    def add(self, seconds):
        """Enter how late one timer was."""
        self.counts[bisect_left(EDGES, seconds)] += 1
        if seconds > self.maximum:
            self.maximum = seconds

    def beat(self, due):
        """Fire every 10 ms; the beats within a long stall count, too, each with its own delay."""
        late = self.loop.time() - due
        while late > BEAT_SECONDS:
            self.add(late)
            late -= BEAT_SECONDS
            due += BEAT_SECONDS
        self.add(max(0.0, late))
        self.loop.call_at(due + BEAT_SECONDS, self.beat, due + BEAT_SECONDS)

    def p99(self):
        """The upper edge of the 99th percentile's slot, at most the maximum (seconds)."""
        wanted, seen = 0.99 * sum(self.counts), 0
        for edge, count in zip(EDGES, self.counts):
            seen += count
            if seen >= wanted:
                return min(edge, self.maximum)
        return self.maximum


class Upstream:
    """What all connections share: the answers, ready as bytes, and the counts."""

    def __init__(self, loop, countries):
        self.loop = loop
        self.lag = Lag(loop)
        self.started = loop.time()
        self.requests = 0
        self.connections = 0
        self.countries = [
            tuple(
                response(200, {"number": number, "code": row["code"], "name": row["name"]}, close)
                for close in (False, True)
            )
            for number, row in enumerate(countries)
        ]

    def stats(self):
        """All counts since the start; the last of `lag_counts` is for delays beyond all edges."""
        return {
            "requests": self.requests,
            "connections": self.connections,
            "seconds": self.loop.time() - self.started,
            "cpu_seconds": time.process_time(),
            "lag_p99_seconds": self.lag.p99(),
            "lag_maximum_seconds": self.lag.maximum,
            "lag_edges_seconds": EDGES,
            "lag_counts": self.lag.counts,
        }

    def answer(self, target, close):
        """The bytes to send for a request target, and the seconds to wait before."""
        path, _, query = target.partition(b"?")
        country = COUNTRY.fullmatch(path)
        if country and int(country.group(1)) < len(self.countries):
            delay = DELAY.fullmatch(query) if query else None
            seconds = float(delay.group(1)) if delay else 0.0
            if (query and not delay) or seconds > MOST_DELAY_SECONDS:
                error = {"error": "delay is a number of seconds, at most 30"}
                return response(400, error, close), 0.0
            self.requests += 1
            return self.countries[int(country.group(1))][close], seconds
        if target == b"/stats":
            return response(200, self.stats(), close), 0.0
        error = {"error": "there is /countries/0 to /countries/252, and /stats"}
        return response(404, error, close), 0.0


class Conversation(asyncio.Protocol):
    """One connection."""

    def __init__(self, upstream):
        self.upstream = upstream
        self.unread = bytearray()
        self.transport = None
        self.timer = None
        self.stalled = False
        self.paused = False

    def connection_made(self, transport):
        self.transport = transport
        self.upstream.connections += 1
        if self.upstream.connections > MOST_CONNECTIONS:
            self.refuse(503, "too many connections")

    def connection_lost(self, error):
        self.upstream.connections -= 1
        self.transport = None
        if self.timer is not None:
            self.timer.cancel()

    def data_received(self, data):
        self.unread += data
        if len(self.unread) > MOST_AHEAD_BYTES and not self.paused:
            self.paused = True
            self.transport.pause_reading()
        self.read_on()

    def pause_writing(self):
        self.stalled = True

    def resume_writing(self):
        self.stalled = False
        self.read_on()

    def read_on(self):
        """Respond to complete requests, until a delay, an end, or a client that does not read."""
        while (
            self.timer is None
            and not self.stalled
            and self.transport is not None
            and not self.transport.is_closing()
        ):
            end = self.unread.find(b"\r\n\r\n")
            if max(end, len(self.unread) if end < 0 else 0) > MOST_HEADER_BYTES:
                self.refuse(431, "at most 8 KiB of headers")
            elif end < 0:
                self.hear_more()
                return
            else:
                head = bytes(self.unread[:end])
                del self.unread[: end + 4]
                self.ask(head)

    def hear_more(self):
        """Read again, where too much had been sent ahead."""
        if self.paused:
            self.paused = False
            self.transport.resume_reading()

    def ask(self, head):
        """Answer one request, now or when its delay is over."""
        line, _, fields = head.partition(b"\r\n")
        request = REQUEST.fullmatch(line)
        if not request:
            self.refuse(400, "not a request")
            return
        close, body = request.group(3) == b"0", False
        for field in fields.lower().split(b"\r\n"):
            name, _, value = field.partition(b":")
            if name == b"connection":
                close = close or b"close" in value
            elif name == b"transfer-encoding":
                body = True
            elif name == b"content-length" and value.strip(b" \t") != b"0":
                body = True
        if body:
            self.refuse(400, "no request has a body here")
            return
        if request.group(1) != b"GET":
            self.refuse(405, "only GET")
            return
        answer, seconds = self.upstream.answer(request.group(2), close)
        if seconds:
            due = self.upstream.loop.time() + seconds
            self.timer = self.upstream.loop.call_at(due, self.send_late, answer, close, due)
        else:
            self.send(answer, close)

    def send_late(self, answer, close, due):
        """Send an answer whose delay is over, then go on with what was sent ahead meanwhile."""
        self.timer = None
        self.upstream.lag.add(self.upstream.loop.time() - due)
        self.send(answer, close)
        self.read_on()

    def send(self, answer, close):
        self.transport.write(answer)
        if close:
            self.transport.close()

    def refuse(self, status, why):
        """Say no and end: what follows on this connection cannot be told apart."""
        self.send(response(status, {"error": why}, True), True)


def response(status, content, close):
    """A whole response as bytes; without a Date, so that it is always the same."""
    body = json.dumps(content).encode()
    lines = [
        "HTTP/1.1 %d %s" % (status, REASONS[status]),
        "Content-Type: application/json",
        "Content-Length: %d" % len(body),
    ]
    lines += ["Allow: GET"] if status == 405 else []
    lines += ["Connection: close"] if close else []
    return "\r\n".join([*lines, "", ""]).encode() + body


def main():
    """Serve until killed."""
    host, _, port = sys.argv[1].rpartition(":")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    rows = Path(__file__).resolve().parent / "countries.json"
    countries = json.loads(rows.read_text(encoding="utf-8"))
    loop = asyncio.new_event_loop()
    upstream = Upstream(loop, countries)
    loop.run_until_complete(
        loop.create_server(
            lambda: Conversation(upstream), host.strip("[]"), int(port), backlog=4096
        )
    )
    upstream.lag.beat(loop.time())
    loop.run_forever()


if __name__ == "__main__":
    main()
