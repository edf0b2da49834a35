#define _GNU_SOURCE
#include "engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define SWEEP_NS INT64_C(100000000)
#define REFUSED_NS INT64_C(500000000)
#define SPIN_NS INT64_C(1000000)
#define NAP_NS INT64_C(50000) /* how late a sleeper may wake; that long before it is due an arrival is waited for awake */

#ifndef SYS_epoll_pwait2 /* the headers of manylinux2014 are older than it, the kernel it runs on need not be */
#define SYS_epoll_pwait2 441
#endif

void engine_break(Engine *engine, const char *what, int code) {
    if (engine->broken == NULL) {
        engine->broken = what;
        engine->broken_code = code;
    }
    engine->over = true;
}

/* Waiting. */

static struct timespec timespec_of(int64_t time) {
    return (struct timespec){.tv_sec = (time_t)(time / 1000000000), .tv_nsec = (long)(time % 1000000000)};
}

static int wait_by_timer(Engine *engine, int64_t gap) {
    struct itimerspec timer = {.it_value = timespec_of(gap)};
    if (timerfd_settime(engine->timer, 0, &timer, NULL) != 0) {
        return -1;
    }
    return epoll_wait(engine->epoll, engine->events, MOST_EVENTS, -1);
}

static bool prepare_timer(Engine *engine) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    engine->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    return engine->timer >= 0 && epoll_ctl(engine->epoll, EPOLL_CTL_ADD, engine->timer, &event) == 0;
}

static int wait_for(Engine *engine, int64_t gap) {
    if (gap <= 0) {
        return epoll_wait(engine->epoll, engine->events, MOST_EVENTS, 0);
    }
    if (engine->timer < 0) {
        struct timespec timeout = timespec_of(gap);
        long count = syscall(SYS_epoll_pwait2, engine->epoll, engine->events, MOST_EVENTS, &timeout, NULL, (size_t)0);
        /* Unknown to old kernels, forbidden in some containers. */
        if (count >= 0 || (errno != ENOSYS && errno != EPERM)) {
            return (int)count;
        }
        if (!prepare_timer(engine)) {
            return -1;
        }
    }
    return wait_by_timer(engine, gap);
}

static int64_t sooner(int64_t one, int64_t other) { return one < other ? one : other; }

/* How long nothing is to be done; 0 to look at the sockets and come back at once. */
static int64_t find_gap(const Engine *engine, int64_t until) {
    const Plan *plan = &engine->plan;
    int64_t wake = sooner(sooner(until, engine->sweep_due), schedule_due(engine));
    if (engine->sending && engine->now < plan->closes) {
        wake = sooner(wake, plan->closes);
    }
    int64_t next = schedule_next(engine);
    if (next != NEVER) {
        int64_t left = next - engine->now;
        if (left < (plan->spin ? SPIN_NS : NAP_NS)) {
            return 0;
        }
        wake = sooner(wake, next - NAP_NS);
    }
    return wake - engine->now;
}

/* The loop. */

static void sweep(Engine *engine) {
    engine->sweep_due = engine->now + SWEEP_NS;
    connection_sweep(engine);
    if (engine->plan.flood != NEVER && engine->refused_since && engine->now - engine->refused_since >= REFUSED_NS) {
        engine->over = true;
    }
}

static void tend(Engine *engine) {
    if (engine->paced) {
        schedule_admit(engine); /* before the end: what was due while nobody looked is still owed */
    }
    if (engine->now >= engine->plan.closes) {
        schedule_close(engine);
    }
    schedule_tend(engine);
    if (engine->paced) {
        schedule_admit(engine);
    }
    if (engine->now >= engine->sweep_due) {
        sweep(engine);
    }
    if (engine->counts.failures >= engine->plan.flood || schedule_is_over(engine) || __atomic_load_n(&engine->stop, __ATOMIC_RELAXED)) {
        engine->over = true;
    }
}

static void pass_events(Engine *engine, int count, int64_t until) {
    /* Whatever is left out here is reported again: the events are level-triggered. */
    for (int at = 0; at < count && engine->now < until && !engine->over; at++) {
        Connection *connection = engine->events[at].data.ptr;
        if (connection == NULL) {
            uint64_t expired;
            ssize_t ignored = read(engine->timer, &expired, sizeof expired);
            (void)ignored;
            continue;
        }
        if (!engine->paced && engine->sending && engine->now >= engine->plan.closes) {
            return; /* the window is to be closed first */
        }
        connection_event(engine, connection, engine->events[at].events);
        if (engine->paced) {
            schedule_admit(engine);
        }
    }
}

static void prepare(Engine *engine) {
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL); /* of this thread; the default of 50 µs would be lag */
    if (engine->plan.timerfd && !prepare_timer(engine)) {
        engine_break(engine, "cannot make a timer", errno);
    }
    engine->prepared = true;
}

bool engine_turn(Engine *engine, int64_t until) {
    if (!engine->prepared) {
        prepare(engine);
    }
    while (!engine->over) {
        engine->now = clock_ns(CLOCK_MONOTONIC);
        if (engine->now >= until) {
            break;
        }
        tend(engine);
        if (engine->over) {
            break;
        }
        int count = wait_for(engine, find_gap(engine, until));
        if (count < 0 && errno != EINTR) {
            engine_break(engine, "cannot wait for events", errno);
        }
        engine->now = clock_ns(CLOCK_MONOTONIC);
        pass_events(engine, count, until);
    }
    if (engine->over && engine->plan.keep) {
        slice_end(engine);
    }
    return !engine->over;
}

/* Begin and end. */

bool engine_init(Engine *engine, const Plan *plan) {
    engine->plan = *plan;
    engine->timer = -1;
    engine->paced = plan->backlog >= 0;
    engine->sending = true;
    engine->over = plan->keep; /* until a slice begins */
    engine->left = plan->limit;
    engine->sweep_due = plan->begins + SWEEP_NS;
    engine->arrivals.more = true;
    engine->buffer = malloc(READ_BYTES);
    engine->scratch = calloc(1, sizeof *engine->scratch);
    engine->parsers = calloc((size_t)plan->connections + 1, sizeof *engine->parsers);
    engine->connections = calloc(plan->connections, sizeof *engine->connections);
    bool good = counts_init(&engine->counts, plan);
    if (!good || !engine->buffer || !engine->scratch || !engine->parsers || !engine->connections) {
        errno = ENOMEM;
        return false;
    }
    for (uint32_t at = 0; at < plan->connections; at++) {
        engine->connections[at].fd = -1;
    }
    engine->epoll = epoll_create1(EPOLL_CLOEXEC);
    for (uint32_t at = plan->connections; engine->paced && at > 0; at--) {
        schedule_release(engine, &engine->connections[at - 1]);
    }
    return engine->epoll >= 0;
}

void engine_end(Engine *engine) {
    engine->over = true;
    engine->sending = false;
    if (engine->connections == NULL || engine->epoll < 0) {
        return;
    }
    engine->now = clock_ns(CLOCK_MONOTONIC);
    engine->plan.closes = sooner(engine->plan.closes, engine->now);
    for (uint32_t at = 0; at < engine->plan.connections; at++) {
        count_flight(engine, &engine->connections[at], engine->now);
        connection_forget(engine, &engine->connections[at]);
    }
    close(engine->epoll);
    engine->epoll = -1;
    if (engine->timer >= 0) {
        close(engine->timer);
        engine->timer = -1;
    }
}

void engine_free(Engine *engine) {
    engine_end(engine);
    for (uint32_t at = 0; at < engine->ask_count; at++) {
        ask_free(&engine->asks[at]);
    }
    while (engine->parser_count > 0) {
        Parser *parser = engine->parsers[--engine->parser_count];
        parser_free(parser);
        free(parser);
    }
    if (engine->scratch != NULL) {
        parser_free(engine->scratch);
    }
    free(engine->scratch);
    free(engine->parsers);
    free(engine->asks);
    free(engine->deck);
    free(engine->connections);
    free(engine->arrivals.ring);
    free(engine->buffer);
    free(engine->slice.times);
    counts_free(&engine->counts);
}
