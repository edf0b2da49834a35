#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>

#include "engine.h"

static const int64_t RETRY_NS[RETRIES] = {0, 1000000, 20000000};

enum { LEAST_ARRIVALS = 8192, TEXT_BYTES = 128 };

/* Lists. */

static void list_add_last(List *list, Connection *connection) {
    connection->list = list;
    connection->next = NULL;
    connection->before = list->last;
    if (list->last != NULL) {
        list->last->next = connection;
    } else {
        list->first = connection;
    }
    list->last = connection;
}

void list_leave(Connection *connection) {
    List *list = connection->list;
    if (list == NULL) {
        return;
    }
    if (connection->before != NULL) {
        connection->before->next = connection->next;
    } else {
        list->first = connection->next;
    }
    if (connection->next != NULL) {
        connection->next->before = connection->before;
    } else {
        list->last = connection->before;
    }
    connection->list = NULL;
}

/* Arrivals. */

static bool grow(Arrivals *arrivals, uint64_t needed) {
    uint64_t room = arrivals->ring ? arrivals->mask + 1 : 0, wanted = room ? room : LEAST_ARRIVALS;
    while (wanted < needed) {
        wanted *= 2;
    }
    if (wanted == room) {
        return true;
    }
    int64_t *ring = malloc((size_t)wanted * sizeof *ring);
    if (ring == NULL) {
        return false;
    }
    for (uint64_t at = arrivals->head; at < arrivals->tail; at++) {
        ring[at & (wanted - 1)] = arrivals->ring[at & arrivals->mask];
    }
    free(arrivals->ring);
    arrivals->ring = ring;
    arrivals->mask = wanted - 1;
    return true;
}

bool arrivals_feed(Arrivals *arrivals, const int64_t *due, size_t count, bool more) {
    if (!grow(arrivals, arrivals->tail - arrivals->head + count)) {
        return false;
    }
    for (size_t at = 0; at < count; at++) {
        arrivals->ring[arrivals->tail++ & arrivals->mask] = due[at];
    }
    arrivals->more = more;
    arrivals->fed_until = count > 0 ? due[count - 1] : arrivals->fed_until;
    return true;
}

int64_t schedule_next(const Engine *engine) {
    const Arrivals *arrivals = &engine->arrivals;
    if (!engine->sending || arrivals->read == arrivals->tail) {
        return NEVER;
    }
    int64_t due = arrivals->ring[arrivals->read & arrivals->mask];
    return due < engine->plan.closes ? due : NEVER; /* nothing newer than the window is sent */
}

static Connection *find_free(Engine *engine) {
    /* The one that was used last: its caches are warm, and no more connections are opened than are needed. */
    return engine->idle.last != NULL ? engine->idle.last : engine->unopened.last;
}

static void serve_queue(Engine *engine) {
    Arrivals *arrivals = &engine->arrivals;
    Connection *connection;
    while (arrivals->head < arrivals->queued && engine->sending && (connection = find_free(engine)) != NULL) {
        int64_t due = arrivals->ring[arrivals->head++ & arrivals->mask];
        list_leave(connection);
        connection_begin(engine, connection, due);
    }
    if (arrivals->head == arrivals->queued) {
        arrivals->head = arrivals->queued = arrivals->read; /* dropped ones leave a gap between them */
    }
}

void schedule_admit(Engine *engine) {
    Arrivals *arrivals = &engine->arrivals;
    Counts *counts = &engine->counts;
    int64_t due;
    while ((due = schedule_next(engine)) <= engine->now && !engine->over) {
        arrivals->read++;
        counts->scheduled += in_window(engine, due);
        if ((int64_t)(arrivals->queued - arrivals->head) >= engine->plan.backlog && find_free(engine) == NULL) {
            counts->dropped++;
            continue;
        }
        arrivals->ring[arrivals->queued++ & arrivals->mask] = due;
        serve_queue(engine);
        int64_t waiting = (int64_t)(arrivals->queued - arrivals->head);
        counts->most_backlog = waiting > counts->most_backlog ? waiting : counts->most_backlog;
    }
}

/* Connections. */

void schedule_release(Engine *engine, Connection *connection) {
    if (engine->paced) {
        list_add_last(connection->fd >= 0 ? &engine->idle : &engine->unopened, connection);
        serve_queue(engine);
    } else if (engine->sending && engine->left > 0) {
        connection_begin(engine, connection, 0);
    } else if (!engine->plan.keep) {
        connection_drop(engine, connection);
    }
}

void schedule_retry(Engine *engine, Connection *connection, int when) {
    if (!engine->sending && !connection->busy) {
        return;
    }
    bool again = connection->busy || engine->left > 0;
    engine->counts.reconnects += again && when != RETRY_SOON && in_window(engine, engine->now);
    connection->retry = engine->now + RETRY_NS[when];
    list_add_last(&engine->retries[when], connection);
}

static int64_t next_start(const Engine *engine) {
    const Plan *plan = &engine->plan;
    if (engine->paced || engine->started == plan->connections || !engine->sending) {
        return NEVER;
    }
    return plan->begins + (int64_t)((double)plan->stagger * engine->started / plan->connections);
}

int64_t schedule_due(const Engine *engine) {
    int64_t due = next_start(engine);
    for (int when = 0; when < RETRIES; when++) {
        const Connection *first = engine->retries[when].first;
        due = first != NULL && first->retry < due ? first->retry : due;
    }
    return due;
}

void schedule_tend(Engine *engine) {
    while (next_start(engine) <= engine->now && !engine->over) {
        schedule_release(engine, &engine->connections[engine->started++]);
    }
    for (int when = 0; when < RETRIES; when++) {
        Connection *connection;
        while ((connection = engine->retries[when].first) != NULL && connection->retry <= engine->now && !engine->over) {
            list_leave(connection);
            if (connection->busy) {
                connection_open(engine, connection);
            } else {
                schedule_release(engine, connection);
            }
        }
    }
}

/* The end. */

static void give_up_queue(Engine *engine) {
    Arrivals *arrivals = &engine->arrivals;
    char text[TEXT_BYTES];
    snprintf(text, sizeof text, "no free connection within %g s after the window", (double)engine->plan.deadline / 1e9);
    for (; arrivals->head < arrivals->queued; arrivals->head++) {
        engine->counts.failures++;
        if (!engine->owner.fail(engine->owner.self, "timeout", 0, text, "", 0)) {
            engine_break(engine, "interrupted", 0);
            return;
        }
    }
}

/* Whether every arrival of the window has been admitted; the ring may end before the window does, until it is fed again. */
static bool all_admitted(const Engine *engine) {
    const Arrivals *arrivals = &engine->arrivals;
    if (arrivals->read < arrivals->tail) {
        return schedule_next(engine) == NEVER;
    }
    return !arrivals->more || arrivals->fed_until >= engine->plan.closes;
}

/* Whether a connection is of no use once nothing more is sent. */
static bool is_spent(const Engine *engine, const Connection *connection) {
    return connection->busy ? !connection->start && !engine->paced : !engine->plan.keep;
}

void schedule_close(Engine *engine) {
    if (!engine->sending || (engine->paced && !all_admitted(engine))) {
        return;
    }
    if (engine->paced && engine->arrivals.head < engine->arrivals.queued) {
        if (engine->now < engine->plan.closes + engine->plan.deadline) {
            return; /* what was due in the window is still sent */
        }
        give_up_queue(engine);
    }
    engine->sending = false;
    for (uint32_t at = 0; at < engine->plan.connections; at++) {
        Connection *connection = &engine->connections[at];
        if (is_spent(engine, connection)) {
            connection_forget(engine, connection);
        }
    }
}

bool schedule_is_over(const Engine *engine) {
    const Arrivals *arrivals = &engine->arrivals;
    if (engine->busy > 0) {
        return false;
    }
    if (!engine->sending) {
        return true;
    }
    if (engine->plan.limit == NEVER) {
        return false;
    }
    return engine->paced ? !arrivals->more && arrivals->head == arrivals->tail : engine->left <= 0;
}
