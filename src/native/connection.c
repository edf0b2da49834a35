#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine.h"

enum { TEXT_BYTES = 256 };

/* Watching. A socket is registered once, for reading; for writing only while something is unsent. */

void connection_watch(Engine *engine, Connection *connection, int operation, bool room) {
    struct epoll_event event = {.events = EPOLLIN | (room ? (uint32_t)EPOLLOUT : 0), .data.ptr = connection};
    connection->watching = room;
    if (epoll_ctl(engine->epoll, operation, connection->fd, &event) != 0) {
        engine_break(engine, "cannot watch a connection", errno);
    }
}

void connection_drop(Engine *engine, Connection *connection) {
    if (connection->fd >= 0) {
        close(connection->fd); /* which also takes it out of the epoll set */
        connection->fd = -1;
    }
    if (connection->parser != NULL) {
        engine->parsers[engine->parser_count++] = connection->parser;
        connection->parser = NULL;
    }
    connection->since = 0;
    connection->spare = connection->linked = false;
    connection->trouble = 0;
}

static void end_request(Engine *engine, Connection *connection) {
    engine->busy -= connection->busy;
    engine->in_flight -= connection->start != 0;
    connection->busy = false;
    connection->start = 0;
}

void connection_forget(Engine *engine, Connection *connection) {
    list_leave(connection);
    connection_drop(engine, connection);
    end_request(engine, connection);
}

/* Failing. */

static void fail_with(Engine *engine, Connection *connection, const char *kind, const char *text, const char *seen, size_t size,
                      int retry) {
    engine->counts.failures++;
    count_flight(engine, connection, engine->now);
    if (!engine->owner.fail(engine->owner.self, kind, connection->ask, text, seen, size)) {
        engine_break(engine, "interrupted", 0);
    }
    connection_forget(engine, connection);
    connection->freed = engine->now;
    schedule_retry(engine, connection, retry);
}

void connection_fail(Engine *engine, Connection *connection, const char *kind, const char *text, int retry) {
    fail_with(engine, connection, kind, text, "", 0, retry);
}

void connection_refuse(Engine *engine, Connection *connection, const char *text, const char *seen, size_t size) {
    fail_with(engine, connection, "framing", text, seen, size, RETRY_AT_ONCE);
}

/* Judge a connection that ended (code 0) or failed before its answer was complete. */
static void broke(Engine *engine, Connection *connection, int code) {
    char text[TEXT_BYTES];
    code = connection->trouble ? connection->trouble : code;
    if (!connection->busy) {
        /* Idle: nothing was asked, nothing is missing. */
        engine->lost++;
        connection_forget(engine, connection);
        schedule_release(engine, connection);
    } else if (!connection->linked) {
        engine->refused_since = engine->refused_since ? engine->refused_since : engine->now;
        snprintf(text, sizeof text, "%s by %s", code ? strerror(code) : "closed", engine->plan.address);
        connection_fail(engine, connection, "connect", text, RETRY_LATER);
    } else if (connection->spare && connection->parser == NULL) {
        /* The server closed a connection it had kept alive, as RFC 9112 section 9.3.1 allows: ask again, once. */
        connection_drop(engine, connection);
        schedule_retry(engine, connection, RETRY_AT_ONCE);
    } else if (code == 0) {
        answer_end(engine, connection);
    } else {
        const char *where = connection->parser != NULL ? "after a part" : "before any byte";
        snprintf(text, sizeof text, "%s %s of the answer", strerror(code), where);
        connection_fail(engine, connection, "reset", text, RETRY_AT_ONCE);
    }
}

/* Sending. */

static void note_sent(Engine *engine, Connection *connection, int64_t began, size_t size) {
    Counts *counts = &engine->counts;
    if (!connection->linked) {
        connection->linked = true;
        engine->refused_since = 0;
        if (!engine->plan.keep) {
            histogram_record(&counts->connecting, began - connection->since);
        }
    }
    if (!connection->start) {
        connection->start = began;
        engine->in_flight++;
        if (in_window(engine, began) && engine->in_flight > counts->most_in_flight) {
            counts->most_in_flight = engine->in_flight;
        }
        counts->attempts += in_window(engine, engine->paced ? connection->due : began);
    }
    connection->sent += size;
    if (in_window(engine, began)) {
        counts->sent += (int64_t)size;
    }
}

/* Send what is unsent as far as possible; true when nothing is left.
 * An error is kept until the socket is read: a server may have answered before it stopped listening. */
static bool push(Engine *engine, Connection *connection) {
    const Bytes *wire = &engine->asks[connection->ask].wire;
    int64_t began = engine->now;
    ssize_t size = send(connection->fd, wire->at + connection->sent, wire->size - connection->sent, MSG_NOSIGNAL);
    if (size < 0) {
        if (errno != EAGAIN && errno != EINTR && connection->trouble == 0) {
            connection->trouble = errno;
        }
        return false;
    }
    note_sent(engine, connection, began, (size_t)size);
    if (connection->sent < wire->size) {
        return false;
    }
    connection->handed = engine->now = clock_ns(CLOCK_MONOTONIC);
    return true;
}

static int open_socket(Engine *engine) {
    int family = engine->plan.peer.ss_family, one = 1;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && family != AF_UNIX) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    }
    if (fd >= 0 && engine->plan.stamps) {
        setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one);
    }
    return fd;
}

/* Connect and send; a request that is still in flight (its connection was stale) is sent again. */
void connection_open(Engine *engine, Connection *connection) {
    engine->now = clock_ns(CLOCK_MONOTONIC);
    if (!connection->since) {
        connection->since = engine->now;
    }
    connection->sent = 0;
    connection->first = 0;
    connection->fd = open_socket(engine);
    if (connection->fd < 0) {
        broke(engine, connection, errno);
        return;
    }
    int code = connect(connection->fd, (struct sockaddr *)&engine->plan.peer, engine->plan.peer_size) == 0 ? 0 : errno;
    engine->now = clock_ns(CLOCK_MONOTONIC);
    if (code == EAGAIN && engine->plan.peer.ss_family == AF_UNIX) {
        /* The listen queue of a Unix socket is full, and nothing tells when it no longer is. */
        close(connection->fd);
        connection->fd = -1;
        schedule_retry(engine, connection, RETRY_SOON);
        return;
    }
    if (code != 0 && code != EINPROGRESS && code != EINTR) {
        broke(engine, connection, code);
        return;
    }
    /* On loopback the connection is mostly made by now: sending at once saves an event and two system calls. */
    connection_watch(engine, connection, EPOLL_CTL_ADD, !push(engine, connection));
}

static uint32_t draw(Engine *engine) {
    if (engine->deck_size == 0) {
        return 0;
    }
    uint32_t ask = engine->deck[engine->deck_at++];
    if (engine->deck_at == engine->deck_size) {
        engine->deck_at = 0;
    }
    return ask;
}

void connection_begin(Engine *engine, Connection *connection, int64_t due) {
    connection->ask = draw(engine);
    connection->busy = true;
    connection->due = due;
    connection->began = engine->now;
    connection->sent = 0;
    connection->first = 0;
    engine->busy++;
    engine->left--;
    if (connection->fd < 0) {
        connection_open(engine, connection);
    } else if (!push(engine, connection)) {
        connection_watch(engine, connection, EPOLL_CTL_MOD, true);
    }
}

void connection_next(Engine *engine, Connection *connection, bool keep_alive) {
    bool unsent = connection->sent < engine->asks[connection->ask].wire.size;
    end_request(engine, connection);
    if (!keep_alive || unsent) {
        engine->counts.reconnects += in_window(engine, engine->now) && engine->left > 0;
        connection_drop(engine, connection);
    } else {
        connection->spare = true;
    }
    schedule_release(engine, connection);
}

/* Receiving. */

static int64_t stamped_delay(struct msghdr *message) {
    struct timespec stamp;
    for (struct cmsghdr *one = CMSG_FIRSTHDR(message); one != NULL; one = CMSG_NXTHDR(message, one)) {
        if (one->cmsg_level == SOL_SOCKET && one->cmsg_type == SCM_TIMESTAMPNS) {
            memcpy(&stamp, CMSG_DATA(one), sizeof stamp);
            int64_t delay = clock_ns(CLOCK_REALTIME) - ((int64_t)stamp.tv_sec * 1000000000 + stamp.tv_nsec);
            return delay > 0 ? delay : 0;
        }
    }
    return -1;
}

static ssize_t receive_stamped(Engine *engine, int fd, int64_t *delay) {
    union {
        struct cmsghdr aligned;
        char room[CMSG_SPACE(sizeof(struct timespec))];
    } control;
    struct iovec part = {engine->buffer, READ_BYTES};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t size = recvmsg(fd, &message, 0);
    if (size > 0) {
        *delay = stamped_delay(&message);
    }
    return size;
}

static void receive(Engine *engine, Connection *connection) {
    int64_t delay = -1;
    ssize_t size = engine->plan.stamps ? receive_stamped(engine, connection->fd, &delay)
                                       : recv(connection->fd, engine->buffer, READ_BYTES, 0);
    int code = size < 0 ? errno : 0;
    if (code == EAGAIN || code == EINTR) {
        return;
    }
    engine->now = clock_ns(CLOCK_MONOTONIC);
    if (size <= 0) {
        broke(engine, connection, code);
        return;
    }
    if (in_window(engine, engine->now)) {
        engine->counts.received += size;
    }
    if (connection->start == 0) {
        size_t shown = size < SEEN_BYTES ? (size_t)size : SEEN_BYTES;
        connection_refuse(engine, connection, "bytes that nobody asked for", engine->buffer, shown);
        return;
    }
    answer_receive(engine, connection, engine->buffer, (size_t)size, delay);
}

void connection_event(Engine *engine, Connection *connection, uint32_t mask) {
    if (connection->fd < 0) {
        return;
    }
    if ((mask & EPOLLOUT) && connection->watching && push(engine, connection)) {
        connection_watch(engine, connection, EPOLL_CTL_MOD, false);
    }
    if (mask & ~(uint32_t)EPOLLOUT) {
        receive(engine, connection);
    }
}

/* Deadlines. */

void connection_sweep(Engine *engine) {
    char text[TEXT_BYTES];
    for (uint32_t at = 0; at < engine->plan.connections && !engine->over; at++) {
        Connection *connection = &engine->connections[at];
        int64_t began = connection->start ? connection->start : connection->linked ? connection->began : connection->since;
        if (connection->busy && began && engine->now - began >= engine->plan.deadline) {
            const char *what = connection->linked ? "no complete answer" : "no connection";
            snprintf(text, sizeof text, "%s within %g s", what, (double)engine->plan.deadline / 1e9);
            connection_fail(engine, connection, "timeout", text, RETRY_AT_ONCE);
        }
    }
}
