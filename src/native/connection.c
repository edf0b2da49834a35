#include "connection.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define CROSSING_NS INT64_C(10000000) /* 10 ms: a server that worked for longer had the request */

enum { TEXT_BYTES = 256 }; /* of a failure: strerror's longest text is 50, plus the address */

/* The run. */

bool run_init(Run *run, const Plan *plan) {
    run->plan = *plan;
    run->buffer = malloc(READ_BYTES);
    bool good = reader_init(&run->reader, plan->connections, (size_t)plan->memory);
    if (!counts_init(&run->counts, plan) || !good || run->buffer == NULL) {
        errno = ENOMEM;
        return false;
    }
    run->epoll = epoll_create1(EPOLL_CLOEXEC);
    return run->epoll >= 0;
}

void run_free(Run *run) {
    reader_free(&run->reader);
    counts_free(&run->counts);
    free(run->buffer);
}

void run_break(Run *run, const char *what, int code) {
    if (run->broken == NULL) {
        run->broken = what;
        run->broken_code = code;
    }
    run->over = true;
}

void run_fail(Run *run, uint32_t request, const Failure *failure) {
    if (run->broken != NULL) { return; } /* an exception may be set: nothing may be called */
    run->counts.failures++;
    if (!run->reader.owner.fail(run->reader.owner.self, request, failure)) {
        run_break(run, "interrupted", 0);
    }
}

/* Watching: a socket is registered once, for reading; for writing only while bytes are unsent. */

void connection_watch(Run *run, Connection *connection, int operation, bool room) {
    uint32_t mask = EPOLLIN | (room ? (uint32_t)EPOLLOUT : 0);
    struct epoll_event event = {.events = mask, .data.ptr = connection};
    connection->watching = room;
    if (epoll_ctl(run->epoll, operation, connection->fd, &event) != 0) {
        run_break(run, "cannot watch a connection", errno);
    }
}

void connection_drop(Run *run, Connection *connection) {
    if (connection->fd >= 0) {
        close(connection->fd); /* which also takes it out of the epoll set */
        connection->fd = -1;
    }
    response_drop(&run->reader, &connection->parser);
    connection->since = 0;
    connection->reused = connection->linked = false;
    connection->send_error = 0;
}

static void end_request(Run *run, Connection *connection) {
    run->busy -= connection->busy;
    run->in_flight -= connection->times.start != 0;
    connection->busy = false;
    connection->times.start = 0;
}

void connection_forget(Run *run, Connection *connection) {
    connection_drop(run, connection);
    end_request(run, connection);
}

/* Failing. */

static Outcome fail(Run *run, Connection *connection, Outcome retry, const Failure *failure) {
    counts_flight(&run->counts, &run->plan, connection->times.start, run->now);
    if (connection->busy) {
        counts_lost(&run->counts, &run->plan, connection->times.due, run->now);
    }
    run_fail(run, connection->request, failure);
    connection_forget(run, connection);
    connection->times.freed = run->now;
    return retry;
}

/* Count the request that a complete response belongs to, and make ready for another. */
static Outcome finish(Run *run, Connection *connection, bool correct, const Response *response,
                      int64_t delay) {
    Request *request = &run->reader.requests[connection->request];
    Times *times = &connection->times;
    bool unsent = connection->sent < request->wire.size;
    times->complete = run->now;
    if (correct) {
        request->total_correct++;
        if (counts_correct(&run->counts, &run->plan, times, response->status, delay)) {
            request->correct++;
            counts_route(&run->counts, &run->plan, request->route, times);
        }
    } else {
        counts_wrong(&run->counts, &run->plan, times, response->status);
    }
    response_drop(&run->reader, &connection->parser);
    times->freed = run->now;
    if (response->owner_judged) {
        run->now = clock_ns(CLOCK_MONOTONIC); /* judging delays the next request: not its service */
    }
    end_request(run, connection);
    if (!response->keep_alive || !run->plan.keep_alive || unsent) {
        connection_drop(run, connection);
        return CONNECTION_SPENT;
    }
    connection->reused = true;
    return CONNECTION_FREE;
}

/* The kind and the text of whichworker.load.exhaustion. */
static const Failure NO_MEMORY = {"exhausted", "no memory is left for responses", "", 0};

static Outcome take(Run *run, Connection *connection, ResponseState state, const Response *response,
                    int64_t delay) {
    switch (state) {
    case RESPONSE_CORRECT:
    case RESPONSE_WRONG:
        return finish(run, connection, state == RESPONSE_CORRECT, response, delay);
    case RESPONSE_MALFORMED:
        return fail(run, connection, CONNECTION_RETRY_AT_ONCE, &response->failure);
    case RESPONSE_NO_MEMORY:
        return fail(run, connection, CONNECTION_RETRY_LATER, &NO_MEMORY);
    case RESPONSE_INTERRUPTED:
        run_break(run, "interrupted", 0);
        return CONNECTION_WAITS;
    default:
        return CONNECTION_WAITS;
    }
}

/* A connection with a request failed, or ended (code 0), before its response was complete. */
static Outcome end_early(Run *run, Connection *connection, int code) {
    char text[TEXT_BYTES];
    Response response;
    bool partial = connection->parser != NULL;
    if (code == 0 && partial) {
        ResponseState state =
            response_end(&run->reader, connection->request, &connection->parser, &response);
        if (state != RESPONSE_CUT_OFF) { return take(run, connection, state, &response, -1); }
    }
    snprintf(text, sizeof text, "%s %s of the response",
             code ? strerror(code) : "connection closed",
             partial ? "after a part" : "before any byte");
    return fail(run, connection, CONNECTION_RETRY_AT_ONCE, &(Failure){"reset", text, "", 0});
}

static bool is_safe(const Bytes *wire) {
    return memcmp(wire->at, "GET ", 4) == 0 || memcmp(wire->at, "HEAD ", 5) == 0 ||
           memcmp(wire->at, "OPTIONS ", 8) == 0;
}

/* Whether the server closed the connection before any of the request reached it. TCP tells: an
 * orderly end, and no byte of the request acknowledged; the end of a server that had read the
 * request acknowledges it. A reset that comes at once may have crossed a safe request. The bytes of
 * a Unix socket arrive when they are sent, and a reset says that they were not read. */
static bool is_unreached(const Run *run, const Connection *connection, int code) {
    int unacknowledged = 0;
    if (connection->sent == 0) { return true; }
    bool safe = code == ECONNRESET && is_safe(&run->reader.requests[connection->request].wire);
    if (run->plan.peer.ss_family == AF_UNIX) { return safe; }
    bool crossed = safe && run->now - connection->times.handed < CROSSING_NS;
    return (code == 0 || code == EPIPE || crossed) &&
           ioctl(connection->fd, SIOCOUTQ, &unacknowledged) == 0 &&
           (size_t)unacknowledged >= connection->sent;
}

/* The errors that socket(2) and connect(2) have for a lack of this machine. */
static const char *connect_kind(int code) {
    bool own = code == EADDRNOTAVAIL || code == EMFILE || code == ENFILE || code == ENOBUFS ||
               code == ENOMEM;
    return own ? "exhausted" : "connect";
}

/* A connection failed, or ended (code 0). */
static Outcome broke(Run *run, Connection *connection, int code) {
    char text[TEXT_BYTES];
    code = connection->send_error ? connection->send_error : code;
    if (!connection->busy) {
        /* Idle: no request, so no response is missing. */
        run->lost++;
        connection_forget(run, connection);
        return CONNECTION_FREE;
    }
    if (!connection->linked) {
        run->refused_since = run->refused_since ? run->refused_since : run->now;
        snprintf(text, sizeof text, "%s by %s", code ? strerror(code) : "closed",
                 run->plan.address);
        return fail(run, connection, CONNECTION_RETRY_LATER,
                    &(Failure){connect_kind(code), text, "", 0});
    }
    if (connection->reused && connection->parser == NULL &&
        is_unreached(run, connection, code)) {
        /* The server had closed a connection that it kept alive, and that was idle then, as RFC
         * 9112 section 9.3.1 allows: send the request again, once. Any other is lost. */
        connection_drop(run, connection);
        return CONNECTION_RETRY_AT_ONCE;
    }
    return end_early(run, connection, code);
}

/* Sending. */

static void note_sent(Run *run, Connection *connection, int64_t began, size_t size) {
    const Plan *plan = &run->plan;
    Counts *counts = &run->counts;
    Times *times = &connection->times;
    if (!connection->linked) {
        connection->linked = true;
        run->refused_since = 0;
        if (!plan->slices) {
            histogram_record(&counts->histograms[CONNECTING], began - connection->since);
        }
    }
    if (!times->start) {
        times->start = began;
        run->in_flight++;
        if (in_window(plan, began) && run->in_flight > counts->most_in_flight) {
            counts->most_in_flight = run->in_flight;
        }
        counts->attempts += in_window(plan, is_paced(plan) ? times->due : began);
    }
    connection->sent += size;
    if (in_window(plan, began)) { counts->sent += (int64_t)size; }
}

/* Send what is unsent as far as possible; true when nothing is left. An error is kept until the
 * socket is read: a server may have responded before it stopped listening. */
static bool push(Run *run, Connection *connection) {
    const Bytes *wire = &run->reader.requests[connection->request].wire;
    const char *rest = wire->at + connection->sent;
    int64_t began = run->now;
    ssize_t size = send(connection->fd, rest, wire->size - connection->sent, MSG_NOSIGNAL);
    if (size < 0) {
        if (errno != EAGAIN && errno != EINTR && connection->send_error == 0) {
            connection->send_error = errno;
        }
        return false;
    }
    note_sent(run, connection, began, (size_t)size);
    if (connection->sent < wire->size) { return false; }
    connection->times.handed = run->now = clock_ns(CLOCK_MONOTONIC);
    return true;
}

static int open_socket(const Plan *plan) {
    int family = plan->peer.ss_family, on = 1;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && family != AF_UNIX) { setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); }
    if (fd >= 0 && plan->stamps) { setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on); }
    return fd;
}

/* Connect and send; a request in flight, whose connection was stale, is sent again. */
Outcome connection_open(Run *run, Connection *connection) {
    const Plan *plan = &run->plan;
    run->now = clock_ns(CLOCK_MONOTONIC);
    if (!connection->since) { connection->since = run->now; }
    connection->sent = 0;
    connection->times.first = 0;
    connection->fd = open_socket(plan);
    if (connection->fd < 0) { return broke(run, connection, errno); }
    int failed = connect(connection->fd, (const struct sockaddr *)&plan->peer, plan->peer_size);
    int code = failed ? errno : 0;
    run->now = clock_ns(CLOCK_MONOTONIC);
    if (code == EAGAIN && plan->peer.ss_family == AF_UNIX) {
        /* The listen queue of a Unix socket is full, and no event will say when there is room. */
        close(connection->fd);
        connection->fd = -1;
        return CONNECTION_RETRY_SOON;
    }
    if (code != 0 && code != EINPROGRESS && code != EINTR) { return broke(run, connection, code); }
    /* On loopback the connection is mostly made by now: sending at once saves two system calls. */
    connection_watch(run, connection, EPOLL_CTL_ADD, !push(run, connection));
    return CONNECTION_WAITS;
}

Outcome connection_begin(Run *run, Connection *connection, uint32_t request, int64_t due) {
    connection->request = request;
    connection->busy = true;
    connection->times.due = due;
    connection->times.began = run->now;
    connection->times.first = 0;
    connection->sent = 0;
    run->busy++;
    if (connection->fd < 0) { return connection_open(run, connection); }
    if (!push(run, connection)) { connection_watch(run, connection, EPOLL_CTL_MOD, true); }
    return CONNECTION_WAITS;
}

/* Receiving. */

static int64_t stamped_delay(struct msghdr *message) {
    struct timespec stamp;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part)) {
        if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_TIMESTAMPNS) {
            memcpy(&stamp, CMSG_DATA(part), sizeof stamp);
            int64_t came = (int64_t)stamp.tv_sec * 1000000000 + stamp.tv_nsec;
            int64_t delay = clock_ns(CLOCK_REALTIME) - came;
            return delay > 0 ? delay : 0;
        }
    }
    return -1;
}

static ssize_t receive_stamped(Run *run, int fd, int64_t *delay) {
    union {
        struct cmsghdr aligned;
        char room[CMSG_SPACE(sizeof(struct timespec))];
    } control;
    struct iovec part = {run->buffer, READ_BYTES};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    ssize_t size = recvmsg(fd, &message, 0);
    if (size > 0) { *delay = stamped_delay(&message); }
    return size;
}

static Failure unrequested(const Run *run, ssize_t size) {
    size_t shown = size < SEEN_BYTES ? (size_t)size : SEEN_BYTES;
    return (Failure){"framing", "bytes that belong to no request", run->buffer, shown};
}

bool connection_is_usable(Run *run, const Connection *connection) {
    ssize_t size = recv(connection->fd, run->buffer, SEEN_BYTES, MSG_PEEK | MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) { return true; }
    if (size > 0) {
        Failure failure = unrequested(run, size);
        run_fail(run, connection->request, &failure);
    } else {
        run->lost++;
    }
    return false;
}

static Outcome receive(Run *run, Connection *connection) {
    int64_t delay = -1;
    ssize_t size = run->plan.stamps ? receive_stamped(run, connection->fd, &delay)
                                    : recv(connection->fd, run->buffer, READ_BYTES, 0);
    int code = size < 0 ? errno : 0;
    if (code == EAGAIN || code == EINTR) { return CONNECTION_WAITS; }
    run->now = clock_ns(CLOCK_MONOTONIC);
    if (size <= 0) { return broke(run, connection, code); }
    if (in_window(&run->plan, run->now)) { run->counts.received += size; }
    if (connection->times.start == 0) {
        Failure failure = unrequested(run, size);
        return fail(run, connection, CONNECTION_RETRY_AT_ONCE, &failure);
    }
    if (connection->parser == NULL) { connection->times.first = run->now; }
    Response response;
    Bytes bytes = {.at = run->buffer, .size = (size_t)size};
    ResponseState state =
        response_read(&run->reader, connection->request, &connection->parser, &bytes, &response);
    return take(run, connection, state, &response, delay);
}

Outcome connection_event(Run *run, Connection *connection, uint32_t mask) {
    if (connection->fd < 0) { return CONNECTION_WAITS; }
    if ((mask & EPOLLOUT) && connection->watching && push(run, connection)) {
        connection_watch(run, connection, EPOLL_CTL_MOD, false);
    }
    return mask & ~(uint32_t)EPOLLOUT ? receive(run, connection) : CONNECTION_WAITS;
}

Outcome connection_expire(Run *run, Connection *connection) {
    const Times *times = &connection->times;
    int64_t linked_since = connection->linked ? times->began : connection->since;
    int64_t began = times->start ? times->start : linked_since;
    bool late = began && run->now - began >= run->plan.deadline;
    if (!connection->busy || !(late || run->now >= run->plan.ends)) { return CONNECTION_WAITS; }
    run->counts.starved += late && !connection->reused;
    char text[TEXT_BYTES];
    const char *missing = connection->linked ? "no complete response" : "no connection";
    int64_t waited = late ? run->plan.deadline : run->plan.ends - run->plan.closes;
    snprintf(text, sizeof text, "%s within %g s%s", missing, (double)waited / 1e9,
             late ? "" : " after the window");
    return fail(run, connection, CONNECTION_RETRY_AT_ONCE, &(Failure){"timeout", text, "", 0});
}
