#define _GNU_SOURCE
#include <stdlib.h>

#include "engine.h"

static bool init_all(Counts *counts) {
    Histogram *all[] = {&counts->service, &counts->send_lag, &counts->receive_delay, &counts->blocked,
                        &counts->connecting, &counts->sending, &counts->waiting, &counts->receiving};
    bool good = true;
    for (size_t at = 0; at < sizeof all / sizeof *all; at++) {
        good = histogram_init(all[at]) && good;
    }
    for (unsigned at = 0; at < MOST_SLICES; at++) {
        good = histogram_init(&counts->whole[at]) && good;
    }
    return good;
}

bool counts_init(Counts *counts, const Plan *plan) {
    if (plan->keep) {
        return true;
    }
    counts->bucket_count = (size_t)((plan->closes - plan->opens + BUCKET_NS - 1) / BUCKET_NS);
    counts->buckets = calloc(counts->bucket_count, sizeof(int64_t));
    counts->slice_width = BUCKET_NS;
    return init_all(counts) && counts->buckets != NULL;
}

void counts_free(Counts *counts) {
    Histogram *all[] = {&counts->service, &counts->send_lag, &counts->receive_delay, &counts->blocked,
                        &counts->connecting, &counts->sending, &counts->waiting, &counts->receiving};
    for (size_t at = 0; at < sizeof all / sizeof *all; at++) {
        histogram_free(all[at]);
    }
    for (unsigned at = 0; at < MOST_SLICES; at++) {
        histogram_free(&counts->whole[at]);
    }
    free(counts->buckets);
    counts->buckets = NULL;
}

/* In open loop the window holds what was due in it, in closed loop what was completed in it. */
static int64_t placed_at(const Engine *engine, const Connection *connection) {
    return engine->paced ? connection->due : engine->now;
}

void count_flight(Engine *engine, const Connection *connection, int64_t until) {
    const Plan *plan = &engine->plan;
    int64_t begin = connection->start > plan->opens ? connection->start : plan->opens;
    int64_t end = until < plan->closes ? until : plan->closes;
    if (connection->start && end > begin) {
        engine->counts.flight_ns += end - begin;
    }
}

static Histogram *slice_of(Engine *engine, int64_t time) {
    Counts *counts = &engine->counts;
    while ((time - engine->plan.opens) / counts->slice_width >= MOST_SLICES) {
        for (unsigned at = 0; at < MOST_SLICES; at += 2) {
            histogram_move(&counts->whole[at], &counts->whole[at + 1]);
            if (at > 0) {
                histogram_move(&counts->whole[at / 2], &counts->whole[at]);
            }
        }
        counts->slice_width *= 2;
    }
    return &counts->whole[(time - engine->plan.opens) / counts->slice_width];
}

static void count_times(Engine *engine, const Connection *connection, int64_t placed) {
    Counts *counts = &engine->counts;
    int64_t now = engine->now, start = connection->start;
    int64_t handed = connection->handed > start ? connection->handed : start;
    int64_t first = connection->first > handed ? connection->first : handed;
    if (engine->paced) {
        int64_t due = connection->due, freed = connection->freed;
        histogram_record(slice_of(engine, placed), now - due);
        histogram_record(&counts->service, now - start);
        histogram_record(&counts->send_lag, connection->began - (due > freed ? due : freed));
        histogram_record(&counts->blocked, freed - due);
    } else {
        histogram_record(slice_of(engine, placed), now - start);
    }
    histogram_record(&counts->sending, handed - start);
    histogram_record(&counts->waiting, first - handed);
    histogram_record(&counts->receiving, now - first);
}

void count_right(Engine *engine, const Connection *connection, int status, int64_t delay) {
    Counts *counts = &engine->counts;
    Ask *ask = &engine->asks[connection->ask];
    int64_t placed = placed_at(engine, connection);
    counts->total_right++;
    ask->total_right++;
    if (engine->plan.keep) {
        slice_count(engine);
        return;
    }
    count_flight(engine, connection, engine->now);
    if (!in_window(engine, placed)) {
        return;
    }
    counts->requests++;
    counts->last = engine->now;
    ask->right++;
    counts->statuses[status]++;
    counts->buckets[(placed - engine->plan.opens) / BUCKET_NS]++;
    count_times(engine, connection, placed);
    if (delay >= 0) {
        histogram_record(&counts->receive_delay, delay);
    }
}

void count_wrong(Engine *engine, const Connection *connection, int status) {
    engine->counts.failures++;
    count_flight(engine, connection, engine->now);
    if (in_window(engine, placed_at(engine, connection))) {
        engine->counts.statuses[status]++;
    }
}
