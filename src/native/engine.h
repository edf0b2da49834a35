/* One thread's share of a load: the loop that waits for events and passes them on. */
#pragma once

#include "slice.h"

#define MOST_EVENTS 512 /* in one look; what is left is reported by the next. 6 KiB of memory */

typedef struct {
    Schedule schedule;
    struct epoll_event events[MOST_EVENTS];
    int timer; /* -1: none, the kernel has epoll_pwait2 */
    bool prepared;
    int stop; /* set from another thread */
} Engine;

bool engine_init(Engine *engine, const Plan *plan);
bool engine_turn(Engine *engine, int64_t until); /* true while there is something to do */
void engine_end(Engine *engine);                 /* close every socket */
void engine_free(Engine *engine);
