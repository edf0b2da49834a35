#include "histogram.h"

#include <stdlib.h>

bool histogram_init(Histogram *histogram) {
    histogram->counts = calloc(SLOTS, sizeof(int64_t));
    histogram->least = HIGHEST_NS;
    histogram->most = 0;
    return histogram->counts != NULL;
}

void histogram_free(Histogram *histogram) {
    free(histogram->counts);
    histogram->counts = NULL;
}

void histogram_move(Histogram *histogram, Histogram *other) {
    if (other->least > other->most) { return; /* nothing in it */ }
    for (int64_t place = histogram_place(other->least); place <= histogram_place(other->most);
         place++) {
        histogram->counts[place] += other->counts[place];
        other->counts[place] = 0;
    }
    if (other->least < histogram->least) { histogram->least = other->least; }
    if (other->most > histogram->most) { histogram->most = other->most; }
    other->least = HIGHEST_NS;
    other->most = 0;
}
