/* The task of one engine, and the clock. All times are CLOCK_MONOTONIC nanoseconds. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#define NEVER INT64_MAX
#define ADDRESS_BYTES 128 /* a Unix socket's path has at most 107 bytes, IPv6 with its port 48 */

typedef struct {
    struct sockaddr_storage peer;
    socklen_t peer_size;
    char address[ADDRESS_BYTES]; /* of the peer, as failures show it */
    uint32_t connections;
    long long begins, opens, closes; /* the run, and its window */
    long long stagger;               /* a closed loop starts its connections over this time */
    long long deadline;              /* of one request */
    long long ends; /* an open loop waits no longer for responses; NEVER: for each its deadline */
    long long limit;                 /* requests in the run; NEVER: any number */
    long long flood;                 /* failures that end the run; NEVER: none do */
    long long memory;  /* bytes for all responses that are not complete */
    long long backlog; /* arrivals that may wait for a connection; -1: a closed loop */
    int spin;          /* wait awake for the next arrival */
    int stamps;        /* let the kernel note when bytes came in */
    int timerfd;       /* sleep by a timer, as old kernels need it */
    int slices;     /* run slices: connections stay open between them, only moments are recorded */
    int keep_alive; /* carry more than one request on a connection, if the server lets it */
} Plan;

static inline bool is_paced(const Plan *plan) { return plan->backlog >= 0; }

static inline bool in_window(const Plan *plan, int64_t time) {
    return time >= plan->opens && time < plan->closes;
}

static inline int64_t clock_ns(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}
