/* Counts of one run: correct and failed responses, and histograms of their times. */
#pragma once

#include <stddef.h>

#include "histogram.h"
#include "plan.h"

#define MOST_SLICES 20  /* of a window: twice FEWEST_SLICES of whichworker.load.record */
#define MOST_STATUS 600 /* the parser accepts 100 to 599 */
#define BUCKET_NS INT64_C(50000000) /* 50 ms: BUCKET_NS of whichworker.load.record */

/* When the steps of one request happened; 0: not yet. */
typedef struct {
    int64_t due;                  /* when the plan wanted it sent */
    int64_t freed;                /* when the connection's previous request ended */
    int64_t began, start, handed; /* taken up; first byte sent; last byte sent */
    int64_t first, complete;      /* first byte and end of the response */
} Times;

/* Histograms. WHOLE is the first slice of the window: of response times in open loop, else of
 * service times. */
enum { SERVICE, SEND_LAG, RECEIVE_DELAY, BLOCKED, CONNECTING, SENDING, WAITING, RECEIVING, WHOLE };
#define HISTOGRAMS (WHOLE + MOST_SLICES)

/* One slice of an engine that keeps its connections. */
typedef struct {
    int64_t *moments; /* when each correct response was complete */
    size_t room, done;
    int64_t began, stopped, ended; /* first request; last moment of sending; nothing in flight */
} Slice;

/* The requests of one label in an open loop: due in the window, and their response times in the
 * slices of WHOLE. */
typedef struct {
    int64_t due;
    Histogram slices[MOST_SLICES];
} Route;

typedef struct {
    Histogram histograms[HISTOGRAMS];
    Route *routes;
    int route_count;
    int64_t statuses[MOST_STATUS];
    int64_t slice_width; /* ns; one bucket at first, doubled whenever there are too many slices */
    int64_t *buckets;    /* correct responses in each BUCKET_NS of the window */
    size_t bucket_count;
    int64_t requests, attempts, scheduled, dropped, most_backlog, most_in_flight, flight_ns;
    int64_t stranded; /* due before the window, unanswered when it opened, and failed since */
    int64_t starved;  /* deadlines that passed on connections which never had a response */
    int64_t silence;  /* the longest time in the window in which requests waited for any response */
    int64_t last_any; /* when the last correct response came, of the window or not */
    int64_t reconnects, received, sent, total_correct, failures;
    int64_t last; /* when the last response that belongs to the window came */
    Slice slice;
} Counts;

bool counts_init(Counts *counts, const Plan *plan); /* false: no memory */
void counts_free(Counts *counts);

/* Count a correct response; true if it belongs to the window. `delay` is -1 if not measured. */
bool counts_correct(Counts *counts, const Plan *plan, const Times *times, int status,
                    int64_t delay);
/* Routes: number -1 is none. */
bool counts_add_route(Counts *counts); /* false: no memory */
void counts_due(Counts *counts, const Plan *plan, int route, int64_t due);
void counts_route(Counts *counts, const Plan *plan, int route, const Times *times); /* correct */

void counts_wrong(Counts *counts, const Plan *plan, const Times *times, int status);
void counts_lost(Counts *counts, const Plan *plan, int64_t due, int64_t now);

/* Add the time a request was in flight within the window; `start` is 0 if it was not sent. */
void counts_flight(Counts *counts, const Plan *plan, int64_t start, int64_t until);
