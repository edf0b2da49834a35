#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>

#include "engine.h"

/* Judge an idle connection; false when it can carry no request. */
static bool look_at(Engine *engine, const Connection *connection) {
    ssize_t size = recv(connection->fd, engine->buffer, SEEN_BYTES, MSG_PEEK | MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
        return true;
    }
    if (size <= 0) {
        engine->lost++;
        return false;
    }
    engine->counts.failures++;
    const char *text = "bytes that nobody asked for";
    if (!engine->owner.fail(engine->owner.self, "framing", connection->ask, text, engine->buffer, (size_t)size)) {
        engine_break(engine, "interrupted", 0);
    }
    return false;
}

uint32_t slice_look(Engine *engine) {
    uint32_t missing = 0;
    if (!engine->over) {
        engine->over = true; /* the last slice was interrupted */
        slice_end(engine);
    }
    engine->counts.failures = 0;
    for (uint32_t at = 0; at < engine->plan.connections && engine->broken == NULL; at++) {
        Connection *connection = &engine->connections[at];
        if (connection->fd >= 0 && !look_at(engine, connection)) {
            connection_drop(engine, connection);
        }
        missing += connection->fd < 0;
    }
    return missing;
}

bool slice_adopt(Engine *engine, int fd) {
    for (uint32_t at = 0; at < engine->plan.connections; at++) {
        Connection *connection = &engine->connections[at];
        if (connection->fd < 0) {
            connection->fd = fd;
            connection->linked = true;
            connection->since = clock_ns(CLOCK_MONOTONIC);
            connection_watch(engine, connection, EPOLL_CTL_ADD, false);
            return true;
        }
    }
    return false;
}

static bool make_room(Slice *slice, size_t room) {
    if (room > slice->room) {
        int64_t *times = realloc(slice->times, room * sizeof *times);
        if (times == NULL) {
            return false;
        }
        slice->times = times;
        slice->room = room;
    }
    return true;
}

bool slice_begin(Engine *engine, int64_t limit, int64_t most, uint64_t start) {
    Slice *slice = &engine->slice;
    if (!make_room(slice, (size_t)limit)) {
        return false;
    }
    slice->done = 0;
    slice->began = slice->stopped = slice->ended = clock_ns(CLOCK_MONOTONIC);
    engine->counts.most_in_flight = engine->counts.reconnects = 0;
    engine->plan.begins = engine->plan.opens = slice->began;
    engine->plan.closes = slice->began + most;
    engine->plan.limit = engine->left = limit;
    engine->deck_at = engine->deck_size > 0 ? (size_t)(start % engine->deck_size) : 0;
    engine->started = 0;
    engine->refused_since = engine->lost = 0;
    engine->sweep_due = slice->began; /* at once: it sets the next */
    engine->sending = true;
    engine->over = engine->broken != NULL;
    return true;
}

/* With all requests begun, sending stopped with the last of them. */
static int64_t last_begun(const Engine *engine) {
    int64_t last = 0;
    for (uint32_t at = 0; at < engine->plan.connections; at++) {
        int64_t began = engine->connections[at].began;
        last = began > last ? began : last;
    }
    return last;
}

void slice_end(Engine *engine) {
    Slice *slice = &engine->slice;
    slice->ended = engine->now;
    slice->stopped = engine->plan.closes < engine->now ? engine->plan.closes : engine->now;
    if (engine->left <= 0) {
        slice->stopped = last_begun(engine);
    }
    for (uint32_t at = 0; at < engine->plan.connections; at++) {
        Connection *connection = &engine->connections[at];
        list_leave(connection);
        if (connection->busy) {
            connection_forget(engine, connection); /* too much has failed */
        }
    }
}

void slice_count(Engine *engine) {
    Slice *slice = &engine->slice;
    if (slice->done < slice->room) {
        slice->times[slice->done++] = engine->now;
    }
}
