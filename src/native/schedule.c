#include "schedule.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* How long to wait before a connection is opened again: not at all if the server ended it, 1 ms if
 * a Unix socket was full, 20 ms if refused: a dead server must not flood the run with failures. */
static const int64_t RETRY_NS[CONNECTION_RETRIES] = {0, 1000000, 20000000};

#define SWEEP_NS INT64_C(100000000)   /* deadlines are checked each 100 ms: they are seconds long */
#define REFUSED_NS INT64_C(500000000) /* a server that refuses for 0.5 s is gone, not restarting   \
                                       */
#define LEAST_ARRIVALS 8192           /* 64 KiB; a power of two, as the ring's mask needs */
#define TEXT_BYTES 128                /* of a failure: the text and a number */

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
    if (list == NULL) { return; }
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
    if (wanted == room) { return true; }
    int64_t *ring = malloc((size_t)wanted * sizeof *ring);
    if (ring == NULL) { return false; }
    for (uint64_t at = arrivals->head; at < arrivals->tail; at++) {
        ring[at & (wanted - 1)] = arrivals->ring[at & arrivals->mask];
    }
    free(arrivals->ring);
    arrivals->ring = ring;
    arrivals->mask = wanted - 1;
    return true;
}

bool schedule_feed(Schedule *schedule, const int64_t *due, size_t count, bool more) {
    Arrivals *arrivals = &schedule->arrivals;
    if (!grow(arrivals, arrivals->tail - arrivals->head + count)) { return false; }
    for (size_t at = 0; at < count; at++) {
        arrivals->ring[arrivals->tail++ & arrivals->mask] = due[at];
    }
    arrivals->more = more;
    arrivals->fed_until = count > 0 ? due[count - 1] : arrivals->fed_until;
    return true;
}

int64_t schedule_next(const Schedule *schedule) {
    const Arrivals *arrivals = &schedule->arrivals;
    if (!schedule->sending || arrivals->read == arrivals->tail) { return NEVER; }
    int64_t due = arrivals->ring[arrivals->read & arrivals->mask];
    return due < schedule->run.plan.closes ? due : NEVER; /* the window's last is the last */
}

/* Connections. */

static uint32_t draw(Schedule *schedule) {
    if (schedule->deck_size == 0) { return 0; }
    uint32_t request = schedule->deck[schedule->deck_at++];
    if (schedule->deck_at == schedule->deck_size) { schedule->deck_at = 0; }
    return request;
}

/* The request of an arrival, whether it is sent or given up. */
static uint32_t take_arrival(Schedule *schedule, int64_t due) {
    Run *run = &schedule->run;
    uint32_t request = draw(schedule);
    counts_due(&run->counts, &run->plan, run->reader.requests[request].route, due);
    return request;
}

static void settle(Schedule *schedule, Connection *connection, Outcome outcome);

static void begin(Schedule *schedule, Connection *connection, int64_t due) {
    schedule->left--;
    uint32_t request = take_arrival(schedule, due);
    settle(schedule, connection, connection_begin(&schedule->run, connection, request, due));
}

static Connection *find_free(Schedule *schedule) {
    /* The one that has been free for longest: each has its turn, so that none which the server
     * neglects is left out. No more are opened than are needed. */
    return schedule->idle.first != NULL ? schedule->idle.first : schedule->unopened.first;
}

static void serve_queue(Schedule *schedule) {
    Arrivals *arrivals = &schedule->arrivals;
    Connection *connection;
    while (arrivals->head < arrivals->queued && schedule->sending && !schedule->run.over &&
           (connection = find_free(schedule)) != NULL) {
        int64_t due = arrivals->ring[arrivals->head++ & arrivals->mask];
        list_leave(connection);
        begin(schedule, connection, due);
    }
    if (arrivals->head == arrivals->queued) {
        arrivals->head = arrivals->queued = arrivals->read; /* dropped ones leave a gap between */
    }
}

static void admit(Schedule *schedule) {
    Arrivals *arrivals = &schedule->arrivals;
    const Plan *plan = &schedule->run.plan;
    Counts *counts = &schedule->run.counts;
    int64_t due;
    while ((due = schedule_next(schedule)) <= schedule->run.now && !schedule->run.over) {
        arrivals->read++;
        counts->scheduled += in_window(plan, due);
        if ((int64_t)(arrivals->queued - arrivals->head) >= plan->backlog &&
            find_free(schedule) == NULL) {
            counts->dropped++;
            take_arrival(schedule, due);
            continue;
        }
        arrivals->ring[arrivals->queued++ & arrivals->mask] = due;
        serve_queue(schedule);
        int64_t waiting = (int64_t)(arrivals->queued - arrivals->head);
        counts->most_backlog = waiting > counts->most_backlog ? waiting : counts->most_backlog;
    }
}

/* Let a connection carry another request. */
static void release(Schedule *schedule, Connection *connection) {
    const Plan *plan = &schedule->run.plan;
    if (is_paced(plan)) {
        bool open = connection->fd >= 0;
        list_add_last(open ? &schedule->idle : &schedule->unopened, connection);
        serve_queue(schedule);
    } else if (schedule->sending && schedule->left > 0) {
        begin(schedule, connection, 0);
    } else if (!plan->slices) {
        connection_drop(&schedule->run, connection);
    }
}

/* Open a connection again, for its request or another. */
static void retry(Schedule *schedule, Connection *connection, Outcome when) {
    Run *run = &schedule->run;
    if (!schedule->sending && !connection->busy) { return; }
    bool again = connection->busy || schedule->left > 0;
    run->counts.reconnects +=
        again && when != CONNECTION_RETRY_SOON && in_window(&run->plan, run->now);
    connection->retry = run->now + RETRY_NS[when];
    list_add_last(&schedule->retries[when], connection);
}

static void settle(Schedule *schedule, Connection *connection, Outcome outcome) {
    Run *run = &schedule->run;
    if (outcome == CONNECTION_WAITS) { return; }
    list_leave(connection);
    if (outcome == CONNECTION_SPENT && schedule->left > 0) {
        run->counts.reconnects += in_window(&run->plan, run->now);
    }
    if (outcome < CONNECTION_RETRIES) {
        retry(schedule, connection, outcome);
    } else {
        release(schedule, connection);
    }
}

void schedule_event(Schedule *schedule, Connection *connection, uint32_t mask) {
    settle(schedule, connection, connection_event(&schedule->run, connection, mask));
    if (is_paced(&schedule->run.plan)) { admit(schedule); }
}

void schedule_forget(Schedule *schedule, Connection *connection) {
    list_leave(connection);
    connection_forget(&schedule->run, connection);
}

/* What is due. */

static int64_t next_start(const Schedule *schedule) {
    const Plan *plan = &schedule->run.plan;
    if (is_paced(plan) || schedule->started == plan->connections || !schedule->sending) {
        return NEVER;
    }
    double part = (double)plan->stagger * schedule->started / plan->connections;
    return plan->begins + (int64_t)part;
}

int64_t schedule_due(const Schedule *schedule) {
    int64_t due = sooner(next_start(schedule), schedule->sweep_due);
    for (int when = 0; when < CONNECTION_RETRIES; when++) {
        const Connection *first = schedule->retries[when].first;
        due = first != NULL ? sooner(first->retry, due) : due;
    }
    bool closing = schedule->sending && schedule->run.now < schedule->run.plan.closes;
    return closing ? sooner(schedule->run.plan.closes, due) : due;
}

static void start(Schedule *schedule) {
    const Run *run = &schedule->run;
    while (next_start(schedule) <= run->now && !run->over) {
        release(schedule, &schedule->connections[schedule->started++]);
    }
    for (int when = 0; when < CONNECTION_RETRIES; when++) {
        Connection *connection;
        while ((connection = schedule->retries[when].first) != NULL &&
               connection->retry <= run->now && !run->over) {
            list_leave(connection);
            settle(schedule, connection,
                   connection->busy ? connection_open(&schedule->run, connection)
                                    : CONNECTION_FREE);
        }
    }
}

static void sweep(Schedule *schedule) {
    Run *run = &schedule->run;
    schedule->sweep_due = run->now + SWEEP_NS;
    for (uint32_t at = 0; at < run->plan.connections && !run->over; at++) {
        Connection *connection = &schedule->connections[at];
        settle(schedule, connection, connection_expire(run, connection));
    }
    bool refused = run->refused_since && run->now - run->refused_since >= REFUSED_NS;
    run->over = run->over || (refused && run->plan.flood != NEVER);
}

/* The end. */

/* The oldest arrival that waits for a connection, given up: when it was due, and its request. */
static uint32_t take_queued(Schedule *schedule, int64_t *due) {
    Arrivals *arrivals = &schedule->arrivals;
    *due = arrivals->ring[arrivals->head++ & arrivals->mask];
    return take_arrival(schedule, *due);
}

/* When requests that wait for a connection are given up. */
static int64_t given_up_at(const Plan *plan) {
    return sooner(plan->ends, plan->closes + plan->deadline);
}

static void give_up_queue(Schedule *schedule) {
    Arrivals *arrivals = &schedule->arrivals;
    Run *run = &schedule->run;
    char text[TEXT_BYTES];
    snprintf(text, sizeof text, "no free connection within %g s after the window",
             (double)(given_up_at(&run->plan) - run->plan.closes) / 1e9);
    while (arrivals->head < arrivals->queued && !run->over) {
        int64_t due;
        uint32_t request = take_queued(schedule, &due);
        counts_lost(&run->counts, &run->plan, due, run->now);
        run_fail(run, request, &(Failure){"timeout", text, "", 0});
    }
}

/* Whether the window's arrivals were all admitted; more may be fed after the last of the ring. */
static bool all_admitted(const Schedule *schedule) {
    const Arrivals *arrivals = &schedule->arrivals;
    if (arrivals->read < arrivals->tail) { return schedule_next(schedule) == NEVER; }
    return !arrivals->more || arrivals->fed_until >= schedule->run.plan.closes;
}

/* Whether a connection is of no use once nothing more is sent. */
static bool is_spent(const Plan *plan, const Connection *connection) {
    return connection->busy ? !connection->times.start && !is_paced(plan) : !plan->slices;
}

static void stop_sending(Schedule *schedule) {
    const Plan *plan = &schedule->run.plan;
    if (!schedule->sending || (is_paced(plan) && !all_admitted(schedule))) { return; }
    if (is_paced(plan) && schedule->arrivals.head < schedule->arrivals.queued) {
        if (schedule->run.now < given_up_at(plan)) {
            return; /* what was due in the window is still sent */
        }
        give_up_queue(schedule);
    }
    schedule->sending = false;
    for (uint32_t at = 0; at < plan->connections; at++) {
        if (is_spent(plan, &schedule->connections[at])) {
            schedule_forget(schedule, &schedule->connections[at]);
        }
    }
}

static bool is_over(const Schedule *schedule) {
    const Arrivals *arrivals = &schedule->arrivals;
    const Plan *plan = &schedule->run.plan;
    if (schedule->run.busy > 0) { return false; }
    if (!schedule->sending || plan->limit == NEVER) { return !schedule->sending; }
    bool all_sent = !arrivals->more && arrivals->head == arrivals->tail;
    return is_paced(plan) ? all_sent : schedule->left <= 0;
}

void schedule_tend(Schedule *schedule) {
    Run *run = &schedule->run;
    bool paced = is_paced(&run->plan);
    if (paced) { admit(schedule); /* before the end: what was due in the meantime is still owed */ }
    if (run->now >= run->plan.closes) { stop_sending(schedule); }
    start(schedule);
    if (paced) { admit(schedule); }
    if (run->now >= schedule->sweep_due) { sweep(schedule); }
    run->over = run->over || run->counts.failures >= run->plan.flood || is_over(schedule);
}

bool schedule_init(Schedule *schedule, const Plan *plan) {
    schedule->sending = true;
    schedule->left = plan->limit;
    schedule->sweep_due = plan->begins + SWEEP_NS;
    schedule->arrivals.more = true;
    schedule->run.over = plan->slices; /* until a slice begins */
    schedule->connections = calloc(plan->connections, sizeof *schedule->connections);
    if (schedule->connections == NULL) {
        errno = ENOMEM;
        return false;
    }
    for (uint32_t at = 0; at < plan->connections; at++) {
        schedule->connections[at].fd = -1;
    }
    if (!run_init(&schedule->run, plan)) { return false; }
    for (uint32_t at = 0; is_paced(plan) && at < plan->connections; at++) {
        release(schedule, &schedule->connections[at]);
    }
    return true;
}

void schedule_end(Schedule *schedule) {
    Run *run = &schedule->run;
    run->over = true;
    schedule->sending = false;
    if (schedule->connections == NULL || run->epoll < 0) { return; }
    run->now = clock_ns(CLOCK_MONOTONIC);
    while (schedule->arrivals.head < schedule->arrivals.queued) {
        int64_t due;
        take_queued(schedule, &due); /* the run ended early */
    }
    run->plan.closes = sooner(run->plan.closes, run->now);
    for (uint32_t at = 0; at < run->plan.connections; at++) {
        Connection *connection = &schedule->connections[at];
        counts_flight(&run->counts, &run->plan, connection->times.start, run->now);
        schedule_forget(schedule, connection);
    }
    close(run->epoll);
    run->epoll = -1;
}

void schedule_free(Schedule *schedule) {
    run_free(&schedule->run);
    free(schedule->deck);
    free(schedule->connections);
    free(schedule->arrivals.ring);
}
