/* Log-linear counts of nanoseconds, in the buckets of whichworker.model.histogram. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define SUB_BUCKET_BITS 10                /* 1024 buckets an octave, for three digits */
#define HIGHEST_NS INT64_C(3600000000000) /* one hour, HdrHistogram's bound here */
#define SLOTS 33421                       /* the bucket of HIGHEST_NS, and one */

typedef struct {
    int64_t *counts;
    int64_t least;
    int64_t most;
} Histogram;

bool histogram_init(Histogram *histogram);
void histogram_free(Histogram *histogram);

/* Add all counts of another and leave it empty. */
void histogram_move(Histogram *histogram, Histogram *other);

static inline int64_t histogram_place(int64_t value) {
    int shift = 63 - __builtin_clzll((unsigned long long)value | 1) - SUB_BUCKET_BITS;
    return shift > 0 ? ((int64_t)shift << SUB_BUCKET_BITS) + (value >> shift) : value;
}

/* Count one value, cut to 0 .. one hour. */
static inline void histogram_record(Histogram *histogram, int64_t value) {
    value = value < 0 ? 0 : value > HIGHEST_NS ? HIGHEST_NS : value;
    histogram->counts[histogram_place(value)]++;
    if (value < histogram->least) { histogram->least = value; }
    if (value > histogram->most) { histogram->most = value; }
}
