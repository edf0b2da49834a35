/* A wall clock that is ahead by WHICHWORKER_CLOCK_AHEAD seconds, for LD_PRELOAD: one launch of a
 * reference run has another time, day and hour, so that what changes with them is found.
 * The monotonic clocks stay, so waiting takes as long as ever. */
#include <dlfcn.h>
#include <semaphore.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

#define SHOWN __attribute__((visibility("default")))

typedef int ReadClock(clockid_t, struct timespec *);
typedef int Wait(sem_t *, const struct timespec *);

static time_t ahead;

__attribute__((constructor)) static void begin(void) {
    const char *text = getenv("WHICHWORKER_CLOCK_AHEAD");
    ahead = text != NULL ? (time_t)strtoll(text, NULL, 10) : 0;
}

static int read_clock(clockid_t id, struct timespec *now) {
    static ReadClock *next;
    if (next == NULL) { *(void **)&next = dlsym(RTLD_NEXT, "clock_gettime"); }
    int state = next(id, now);
    if (state == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) {
        now->tv_sec += ahead;
    }
    return state;
}

SHOWN int clock_gettime(clockid_t id, struct timespec *now) { return read_clock(id, now); }

SHOWN int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec seen;
    (void)zone;
    if (read_clock(CLOCK_REALTIME, &seen) != 0) { return -1; }
    *now = (struct timeval){seen.tv_sec, seen.tv_nsec / 1000};
    return 0;
}

SHOWN time_t time(time_t *place) {
    struct timespec seen;
    if (read_clock(CLOCK_REALTIME, &seen) != 0) { return (time_t)-1; }
    if (place != NULL) { *place = seen.tv_sec; }
    return seen.tv_sec;
}

/* Its deadline is a time of the wall clock: locks of Python before 3.11 wait until then. */
SHOWN int sem_timedwait(sem_t *restrict lock, const struct timespec *restrict until) {
    static Wait *next;
    if (next == NULL) { *(void **)&next = dlsym(RTLD_NEXT, "sem_timedwait"); }
    struct timespec real = {until->tv_sec - ahead, until->tv_nsec};
    return next(lock, &real);
}
