#include "slice.h"

#include <stdlib.h>

/* 1.5 s without a request: gunicorn closes a connection after 2 s, and a request that arrives then
 * is lost. Such connections are made again before the slice. */
#define OLD_NS INT64_C(1500000000)

uint32_t slice_look(Schedule *schedule) {
    Run *run = &schedule->run;
    uint32_t missing = 0;
    if (!run->over) {
        run->over = true; /* the last slice was interrupted */
        slice_end(schedule);
    }
    run->counts.failures = 0;
    int64_t old = clock_ns(CLOCK_MONOTONIC) - OLD_NS;
    bool long_ago = run->counts.slice.ended < old;
    for (uint32_t at = 0; at < run->plan.connections && run->broken == NULL; at++) {
        Connection *connection = &schedule->connections[at];
        if (connection->fd >= 0 && (!connection_is_usable(run, connection) ||
                                    (long_ago && connection->since < old))) {
            connection_drop(run, connection);
        }
        missing += connection->fd < 0;
    }
    return missing;
}

bool slice_adopt(Schedule *schedule, int fd) {
    for (uint32_t at = 0; at < schedule->run.plan.connections; at++) {
        Connection *connection = &schedule->connections[at];
        if (connection->fd < 0) {
            connection->fd = fd;
            connection->linked = true;
            connection->since = clock_ns(CLOCK_MONOTONIC);
            connection_watch(&schedule->run, connection, EPOLL_CTL_ADD, false);
            return true;
        }
    }
    return false;
}

static bool make_room(Slice *slice, size_t room) {
    if (room > slice->room) {
        int64_t *moments = realloc(slice->moments, room * sizeof *moments);
        if (moments == NULL) { return false; }
        slice->moments = moments;
        slice->room = room;
    }
    return true;
}

bool slice_begin(Schedule *schedule, int64_t limit, int64_t most, uint64_t start) {
    Run *run = &schedule->run;
    Slice *slice = &run->counts.slice;
    if (!make_room(slice, (size_t)limit)) { return false; }
    slice->done = 0;
    slice->began = slice->stopped = slice->ended = clock_ns(CLOCK_MONOTONIC);
    run->counts.most_in_flight = run->counts.reconnects = 0;
    run->plan.begins = run->plan.opens = slice->began;
    run->plan.closes = slice->began + most;
    run->plan.limit = schedule->left = limit;
    run->refused_since = run->lost = 0;
    run->over = run->broken != NULL;
    schedule->deck_at = schedule->deck_size > 0 ? (size_t)(start % schedule->deck_size) : 0;
    schedule->started = 0;
    schedule->sweep_due = slice->began; /* at once: it sets the next */
    schedule->sending = true;
    return true;
}

/* With all requests begun, sending stopped with the last of them. */
static int64_t last_begun(const Schedule *schedule) {
    int64_t last = 0;
    for (uint32_t at = 0; at < schedule->run.plan.connections; at++) {
        int64_t began = schedule->connections[at].times.began;
        last = began > last ? began : last;
    }
    return last;
}

void slice_end(Schedule *schedule) {
    Run *run = &schedule->run;
    Slice *slice = &run->counts.slice;
    slice->ended = run->now;
    slice->stopped = schedule->left > 0 ? sooner(run->plan.closes, run->now) : last_begun(schedule);
    for (uint32_t at = 0; at < run->plan.connections; at++) {
        Connection *connection = &schedule->connections[at];
        list_leave(connection);
        if (connection->busy) { connection_forget(run, connection); /* too much has failed */ }
    }
}
