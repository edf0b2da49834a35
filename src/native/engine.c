#include "engine.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define SPIN_NS INT64_C(1000000) /* 1 ms: a spinning engine never sleeps for less */
#define NAP_NS                                                                                     \
    INT64_C(50000) /* a sleeper may wake 50 µs late, so wait awake for the last of them */

#ifndef SYS_epoll_pwait2 /* newer than the headers of manylinux2014, but the kernel may have it */
#define SYS_epoll_pwait2 441
#endif

/* Waiting. */

static struct timespec timespec_of(int64_t time) {
    return (struct timespec){(time_t)(time / 1000000000), (long)(time % 1000000000)};
}

static int wait_by_timer(Engine *engine, int64_t gap) {
    struct itimerspec timer = {.it_value = timespec_of(gap)};
    if (timerfd_settime(engine->timer, 0, &timer, NULL) != 0) { return -1; }
    return epoll_wait(engine->schedule.run.epoll, engine->events, MOST_EVENTS, -1);
}

static bool prepare_timer(Engine *engine) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    int timer = engine->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    return timer >= 0 && epoll_ctl(engine->schedule.run.epoll, EPOLL_CTL_ADD, timer, &event) == 0;
}

static int wait_for(Engine *engine, int64_t gap) {
    int epoll = engine->schedule.run.epoll;
    if (gap <= 0) { return epoll_wait(epoll, engine->events, MOST_EVENTS, 0); }
    if (engine->timer < 0) {
        struct timespec timeout = timespec_of(gap);
        long count = syscall(SYS_epoll_pwait2, epoll, engine->events, MOST_EVENTS, &timeout, NULL,
                             (size_t)0);
        /* Unknown to old kernels, forbidden in some containers. */
        if (count >= 0 || (errno != ENOSYS && errno != EPERM)) { return (int)count; }
        if (!prepare_timer(engine)) { return -1; }
    }
    return wait_by_timer(engine, gap);
}

/* How long there is nothing to do; 0: look at the sockets and come back at once. */
static int64_t find_gap(const Engine *engine, int64_t until) {
    const Run *run = &engine->schedule.run;
    int64_t wake = sooner(until, schedule_due(&engine->schedule));
    int64_t next = schedule_next(&engine->schedule);
    if (next != NEVER) {
        if (next - run->now < (run->plan.spin ? SPIN_NS : NAP_NS)) { return 0; }
        wake = sooner(wake, next - NAP_NS);
    }
    return wake - run->now;
}

/* The loop. */

static void pass_events(Engine *engine, int count, int64_t until) {
    Schedule *schedule = &engine->schedule;
    const Run *run = &schedule->run;
    /* Events left out here are reported again: they are level-triggered. */
    for (int at = 0; at < count && run->now < until && !run->over; at++) {
        Connection *connection = engine->events[at].data.ptr;
        if (connection == NULL) {
            uint64_t expired;
            ssize_t ignored = read(engine->timer, &expired, sizeof expired);
            (void)ignored;
            continue;
        }
        if (!is_paced(&run->plan) && schedule->sending && run->now >= run->plan.closes) {
            return; /* close the window first */
        }
        schedule_event(schedule, connection, engine->events[at].events);
    }
}

static void prepare(Engine *engine) {
    /* Of this thread, in ns; the default of 50 µs would be lag. */
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    if (engine->schedule.run.plan.timerfd && !prepare_timer(engine)) {
        run_break(&engine->schedule.run, "cannot make a timer", errno);
    }
    engine->prepared = true;
}

bool engine_turn(Engine *engine, int64_t until) {
    Run *run = &engine->schedule.run;
    if (!engine->prepared) { prepare(engine); }
    while (!run->over && (run->now = clock_ns(CLOCK_MONOTONIC)) < until) {
        schedule_tend(&engine->schedule);
        run->over = run->over || __atomic_load_n(&engine->stop, __ATOMIC_RELAXED);
        if (run->over) { break; }
        int count = wait_for(engine, find_gap(engine, until));
        if (count < 0 && errno != EINTR) { run_break(run, "cannot wait for events", errno); }
        run->now = clock_ns(CLOCK_MONOTONIC);
        pass_events(engine, count, until);
    }
    if (run->over && run->plan.slices) { slice_end(&engine->schedule); }
    return !run->over;
}

bool engine_init(Engine *engine, const Plan *plan) {
    engine->timer = -1;
    return schedule_init(&engine->schedule, plan);
}

void engine_end(Engine *engine) {
    schedule_end(&engine->schedule);
    if (engine->timer >= 0) {
        close(engine->timer);
        engine->timer = -1;
    }
}

void engine_free(Engine *engine) {
    engine_end(engine);
    schedule_free(&engine->schedule);
}
