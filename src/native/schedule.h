/* Which request is sent when, and on which connection. */
#pragma once

#include "connection.h"

/* Connections that wait for something; each is in at most one list. */
typedef struct List {
    Connection *first, *last;
} List;

/* Due times, in a ring of which `head` <= `queued` <= `read` <= `tail`: overdue ones wait in
 * [head, queued), those to come are in [read, tail). */
typedef struct {
    int64_t *ring;
    uint64_t mask, head, queued, read, tail;
    int64_t fed_until; /* the last due time that was fed */
    bool more;         /* others will be fed */
} Arrivals;

typedef struct {
    Run run;
    Connection *connections;
    uint32_t started; /* connections that a closed loop has begun with, one after the other */
    List retries[CONNECTION_RETRIES];
    List idle, unopened;
    Arrivals arrivals;
    uint32_t *deck; /* numbers of requests in the order of sending, over and over */
    size_t deck_size, deck_at;
    int64_t left; /* requests that may still be sent */
    int64_t sweep_due;
    bool sending;
} Schedule;

void list_leave(Connection *connection); /* the list it is in, if any */

bool schedule_init(Schedule *schedule, const Plan *plan); /* false: see errno */
bool schedule_feed(Schedule *schedule, const int64_t *due, size_t count, bool more);
int64_t schedule_next(const Schedule *schedule); /* the next arrival, NEVER for none */
int64_t schedule_due(const Schedule *schedule);  /* when anything else has to be done */
void schedule_tend(Schedule *schedule);          /* do what is due now */
void schedule_event(Schedule *schedule, Connection *connection, uint32_t mask);
void schedule_forget(Schedule *schedule, Connection *connection); /* drop its socket and request */
void schedule_end(Schedule *schedule); /* count what is still in flight, close every socket */
void schedule_free(Schedule *schedule);

static inline int64_t sooner(int64_t one, int64_t other) { return one < other ? one : other; }
