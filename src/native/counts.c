#include "counts.h"

#include <stdlib.h>
#include <string.h>

bool counts_init(Counts *counts, const Plan *plan) {
    if (plan->slices) { return true; }
    counts->bucket_count = (size_t)((plan->closes - plan->opens + BUCKET_NS - 1) / BUCKET_NS);
    counts->buckets = calloc(counts->bucket_count, sizeof(int64_t));
    counts->slice_width = BUCKET_NS;
    bool good = counts->buckets != NULL;
    for (unsigned at = 0; at < HISTOGRAMS; at++) {
        good = histogram_init(&counts->histograms[at]) && good;
    }
    return good;
}

void counts_free(Counts *counts) {
    for (unsigned at = 0; at < HISTOGRAMS; at++) {
        histogram_free(&counts->histograms[at]);
    }
    for (int at = 0; at < counts->route_count; at++) {
        for (unsigned slice = 0; slice < MOST_SLICES; slice++) {
            histogram_free(&counts->routes[at].slices[slice]);
        }
    }
    free(counts->routes);
    counts->routes = NULL;
    counts->route_count = 0;
    free(counts->buckets);
    free(counts->slice.moments);
    counts->buckets = counts->slice.moments = NULL;
}

void counts_flight(Counts *counts, const Plan *plan, int64_t start, int64_t until) {
    int64_t begin = start > plan->opens ? start : plan->opens;
    int64_t end = until < plan->closes ? until : plan->closes;
    if (start && end > begin) { counts->flight_ns += end - begin; }
}

/* Join each two slices to one. */
static void fold(Histogram *slices) {
    for (unsigned at = 0; at < MOST_SLICES; at += 2) {
        histogram_move(&slices[at], &slices[at + 1]);
        if (at > 0) { histogram_move(&slices[at / 2], &slices[at]); }
    }
}

static Histogram *slice_at(Counts *counts, int64_t since_opening) {
    Histogram *whole = &counts->histograms[WHOLE];
    while (since_opening / counts->slice_width >= MOST_SLICES) {
        fold(whole);
        for (int at = 0; at < counts->route_count; at++) {
            fold(counts->routes[at].slices);
        }
        counts->slice_width *= 2;
    }
    return &whole[since_opening / counts->slice_width];
}

bool counts_add_route(Counts *counts) {
    size_t count = (size_t)counts->route_count;
    Route *more = realloc(counts->routes, (count + 1) * sizeof *more);
    if (more == NULL) { return false; }
    counts->routes = more;
    counts->route_count++;
    memset(&more[count], 0, sizeof *more);
    bool good = true;
    for (unsigned at = 0; at < MOST_SLICES; at++) {
        good = histogram_init(&more[count].slices[at]) && good;
    }
    return good;
}

void counts_due(Counts *counts, const Plan *plan, int route, int64_t due) {
    if (route >= 0) { counts->routes[route].due += in_window(plan, due); }
}

void counts_route(Counts *counts, const Plan *plan, int route, const Times *times) {
    if (route < 0) { return; }
    int64_t place = (times->due - plan->opens) / counts->slice_width; /* wide enough by now */
    histogram_record(&counts->routes[route].slices[place], times->complete - times->due);
}

static void record_times(Counts *counts, const Plan *plan, const Times *times, int64_t placed) {
    Histogram *all = counts->histograms, *whole = slice_at(counts, placed - plan->opens);
    int64_t start = times->start, now = times->complete;
    int64_t handed = times->handed > start ? times->handed : start;
    int64_t first = times->first > handed ? times->first : handed;
    if (is_paced(plan)) {
        int64_t due = times->due, freed = times->freed;
        histogram_record(whole, now - due);
        histogram_record(&all[SERVICE], now - start);
        histogram_record(&all[SEND_LAG], times->began - (due > freed ? due : freed));
        histogram_record(&all[BLOCKED], freed - due);
    } else {
        histogram_record(whole, now - start);
    }
    histogram_record(&all[SENDING], handed - start);
    histogram_record(&all[WAITING], first - handed);
    histogram_record(&all[RECEIVING], now - first);
}

/* An open loop's window has the requests that were due in it, a closed loop's those completed in
 * it. */
static int64_t placed_at(const Plan *plan, const Times *times) {
    return is_paced(plan) ? times->due : times->complete;
}

/* How long requests had waited without any response; a silence may begin before the window. */
static void note_silence(Counts *counts, const Plan *plan, const Times *times) {
    int64_t since = times->start > counts->last_any ? times->start : counts->last_any;
    int64_t until = times->complete < plan->closes ? times->complete : plan->closes;
    counts->last_any = times->complete;
    if (until >= plan->opens && until - since > counts->silence) {
        counts->silence = until - since;
    }
}

bool counts_correct(Counts *counts, const Plan *plan, const Times *times, int status,
                    int64_t delay) {
    int64_t placed = placed_at(plan, times);
    counts->total_correct++;
    if (plan->slices) {
        Slice *slice = &counts->slice;
        if (slice->done < slice->room) { slice->moments[slice->done++] = times->complete; }
        return false;
    }
    counts_flight(counts, plan, times->start, times->complete);
    note_silence(counts, plan, times);
    if (!in_window(plan, placed)) { return false; }
    counts->requests++;
    counts->last = times->complete;
    counts->statuses[status]++;
    counts->buckets[(placed - plan->opens) / BUCKET_NS]++;
    record_times(counts, plan, times, placed);
    if (delay >= 0) { histogram_record(&counts->histograms[RECEIVE_DELAY], delay); }
    return true;
}

void counts_wrong(Counts *counts, const Plan *plan, const Times *times, int status) {
    counts->failures++;
    counts_lost(counts, plan, times->due, times->complete);
    counts_flight(counts, plan, times->start, times->complete);
    counts->statuses[status] += in_window(plan, placed_at(plan, times));
}

/* A request failed. One that was due in the window is missing there; one that was due before it
 * counts if it stood in the way of others in the window. */
void counts_lost(Counts *counts, const Plan *plan, int64_t due, int64_t now) {
    counts->stranded += is_paced(plan) && due < plan->opens && now >= plan->opens;
}
