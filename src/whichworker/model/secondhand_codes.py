"""Findings about the result of another load tool."""

from __future__ import annotations

from whichworker.model.findings import Code

# fmt: off
LITTLE_BROKEN = Code("little-broken", "error", "Rate and response time contradict each other",
    "Rate × mean response time is the number of requests in flight (Little's law). It cannot be"
    " more than the connections.",
    "do not use this result; measure again with a tool that checks its responses")
CONNECTIONS_IDLE = Code("connections-idle", "warning", "Many connections had no request in flight",
    "Rate × mean response time is far below the number of connections. They waited for something"
    " that is not in the response time: new connections, pauses, or the load tool itself.",
    "see if the load tool used all of its core; let it keep its connections")
CEILING_BEATEN = Code("ceiling-beaten", "error", "The rate is impossible for this response time",
    "No server can do more than connections ÷ service time. Some responses were wrong, or came"
    " sooner than they should.",
    "check the responses: their status, length and text")
CEILING_REACHED = Code("ceiling-reached", "warning", "The rate is the load tool's own limit",
    "It is about connections ÷ service time, which any server reaches that is fast enough. So it"
    " says nothing about this one.",
    "use more connections, until the rate no longer rises")
FAILURES_COUNTED = Code("failures-counted", "error", "Failed requests are counted as speed",
    "An error is often faster than the page. This tool's rate includes failed requests.",
    "mend the cause first, and measure again")
CLOSED_LOOP_TIMES = Code("closed-loop-times", "warning",
    "The response times show a full server, and not what users see",
    "Each connection waited for its response before it sent again, so a slow server got fewer"
    " requests, and all who would have come meanwhile are missing in the percentiles.",
    "send requests on schedule: whichworker load URL --rate 200/s --arrivals poisson")
TIMES_LOST = Code("times-lost", "error", "The response times of slow requests are missing",
    "The tool gave up on them, so the percentiles contain the fast ones only.",
    "raise the tool's time limit above the longest response")
PERCENTILE_IS_MEAN = Code("percentile-is-mean", "error", "A percentile equals the mean",
    "That cannot be: the tool printed one number twice.",
    "do not use the percentiles")
TOO_FEW_REQUESTS = Code("too-few-requests", "warning", "Too few requests for some percentiles",
    "A percentile needs about ten requests above it. With fewer, it is the time of a few requests.",
    "measure for longer")
WHOLE_WAVES = Code("whole-waves", "warning", "Each connection sent only a few requests",
    "With few requests on each connection, the rate depends on whether the last one ended before"
    " the test did.",
    "measure for at least 50 response times")
TOO_SHORT = Code("too-short", "warning", "The test was short",
    "The first seconds show a server that is still warming up, and the speed of a machine changes"
    " by 10 to 30 % within seconds.",
    "measure for a minute, and several times in turn with what you compare it with")
TARGET_MISSED = Code("target-missed", "error", "The wanted rate was not reached",
    "The queue grew all the time, so the response times depend on how long the test was.",
    "choose a rate below the capacity: whichworker race --slo 'p99<200ms'")
SINGLE_RUN = Code("single-run", "warning", "It is a single run",
    "Two starts of one server differ by 1 to 3 %, and two runs on one machine by up to 20 %."
    " Without repetitions a difference may be an accident of the run.",
    "compare side by side: whichworker versus --servers A,B")
# fmt: on

SECONDHAND = {row.name: row for row in list(vars().values()) if isinstance(row, Code)}
