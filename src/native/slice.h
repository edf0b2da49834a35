/* Slices: an engine keeps its connections, and loads the server for a moment at a time. */
#pragma once

#include "schedule.h"

uint32_t slice_look(Schedule *schedule); /* drop what was closed while idle; how many are missing */
bool slice_adopt(Schedule *schedule, int fd); /* take over a connected socket */

/* Begin `limit` requests within `most` ns, from a place in the deck; false: no memory. */
bool slice_begin(Schedule *schedule, int64_t limit, int64_t most, uint64_t start);
void slice_end(Schedule *schedule);
