/* One thread's share of a load: its connections, its schedule, and what it counted. All times are CLOCK_MONOTONIC ns. */
#ifndef WHICHWORKER_ENGINE_H
#define WHICHWORKER_ENGINE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "bytes.h"
#include "histogram.h"
#include "parser.h"

#define NEVER INT64_MAX
#define READ_BYTES ((size_t)64 * 1024)
#define MOST_EVENTS 512
#define MOST_SLICES 20 /* twice whichworker.load.record.FEWEST_SLICES */
#define MOST_STATUS 600
#define BUCKET_NS INT64_C(50000000)
#define KNOWN_HEADS 4
#define KNOWN_BODIES 8
#define KNOWN_BODY_BYTES ((size_t)1024 * 1024)
#define NO_ASK UINT32_MAX

/* The last few byte strings that were judged right. */
typedef struct {
    Bytes entries[KNOWN_BODIES];
    unsigned size; /* how many are kept */
    unsigned next;
} Known;

/* A request as bytes, and what is known of its right answers. */
typedef struct {
    Bytes wire;
    bool head_request;
    int status; /* -1: any */
    bool has_body;
    Bytes body;
    Bytes *contains;
    size_t contained;
    bool by_head; /* conditions on headers: only a head that was judged right is accepted */
    bool by_body; /* conditions on the body that are not judged here: only a body that was judged right is */
    Known heads;
    Known bodies;
    Bytes last; /* the last right answer as it came */
    int last_status;
    int64_t right;       /* counted */
    int64_t total_right; /* in the whole run */
} Ask;

/* A slot for one connection at a time, and the request it carries. */
typedef struct Connection {
    int fd; /* -1: none */
    uint32_t ask;
    bool busy;     /* has a request, sent or not */
    bool linked;   /* connected, and something was sent */
    bool spare;    /* has answered before: a server may close it instead of answering */
    bool watching; /* for room to send */
    int trouble;   /* the first error of a send, judged when the socket is read */
    size_t sent;   /* bytes of the request that were handed over */
    int64_t due, freed, began, start, handed, first, since, retry;
    Parser *parser; /* of an answer that is here in part */
    struct List *list; /* the one it is in, of those that wait for something */
    struct Connection *next, *before;
} Connection;

typedef struct List {
    Connection *first, *last;
} List;

enum { RETRY_AT_ONCE, RETRY_SOON, RETRY_LATER, RETRIES };

/* Due times. A ring in which `head` <= `queued` <= `read` <= `tail`: overdue ones wait in [head, queued), [read, tail) is to come. */
typedef struct {
    int64_t *ring;
    uint64_t mask, head, queued, read, tail;
    int64_t fed_until; /* the last due time that was fed */
    bool more;         /* others will be fed */
} Arrivals;

/* What an engine asks of its owner. Each returns false when the run has to stop. */
typedef struct {
    void *self;
    /* Judge a complete answer; `right` is the verdict. Failures are counted by the owner. */
    bool (*judge)(void *self, uint32_t ask, const Parser *parser, bool *right);
    /* Count a failure of a kind; `seen` are bytes to show. */
    bool (*fail)(void *self, const char *kind, uint32_t ask, const char *text, const char *seen, size_t seen_size);
} Owner;

typedef struct {
    struct sockaddr_storage peer;
    socklen_t peer_size;
    char address[128];
    uint32_t connections;
    int64_t begins, opens, closes, stagger, deadline;
    int64_t limit;   /* requests of the whole run, NEVER for any number */
    int64_t flood;   /* failures that end the run, NEVER for none */
    int64_t backlog; /* -1: a closed loop */
    bool spin, stamps, timerfd;
    bool keep; /* a closed loop in slices: connections persist between them, and nothing but their times is counted */
} Plan;

/* One slice of an engine that keeps its connections. */
typedef struct {
    int64_t *times; /* when each right answer was complete */
    size_t room, done;
    int64_t began, stopped, ended; /* the first request; the last moment of sending; nothing in flight any more */
} Slice;

/* `whole` is of response times in open loop, of service times in closed loop, a part for each slice. */
typedef struct {
    Histogram whole[MOST_SLICES];
    Histogram service, send_lag, receive_delay, blocked, connecting, sending, waiting, receiving;
    int64_t statuses[MOST_STATUS];
    int64_t slice_width; /* ns; as wide as a bucket at first, twice as wide whenever there are too many */
    int64_t *buckets;
    size_t bucket_count;
    int64_t requests, attempts, scheduled, dropped, most_backlog, most_in_flight, flight_ns;
    int64_t reconnects, received, sent, total_right, failures;
    int64_t last; /* when the last answer that belongs to the window came */
} Counts;

typedef struct Engine {
    Plan plan;
    Owner owner;
    Counts counts;
    Ask *asks;
    uint32_t ask_count;
    uint32_t *deck;
    size_t deck_size, deck_at;
    Connection *connections;
    uint32_t started; /* of those that begin in a staggered way */
    List retries[RETRIES];
    List idle, unopened;
    Arrivals arrivals;
    Slice slice;
    int64_t lost; /* connections that the server closed while they were idle */
    int epoll, timer;
    struct epoll_event events[MOST_EVENTS];
    char *buffer;
    Parser *scratch;
    Parser **parsers; /* spare ones */
    size_t parser_count;
    int64_t now, sweep_due, refused_since, left, busy, in_flight;
    bool paced, sending, over, prepared;
    const char *broken; /* a fault of this machine, not of the server */
    int broken_code;
    int stop; /* set from another thread */
} Engine;

static inline int64_t clock_ns(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static inline bool in_window(const Engine *engine, int64_t time) {
    return time >= engine->plan.opens && time < engine->plan.closes;
}

/* engine.c: the loop. */
bool engine_init(Engine *engine, const Plan *plan);
bool engine_turn(Engine *engine, int64_t until); /* true while there is something to do */
void engine_end(Engine *engine);                 /* count what is still in flight, close every socket */
void engine_free(Engine *engine);
void engine_break(Engine *engine, const char *what, int code);

/* schedule.c: what is sent when. */
bool arrivals_feed(Arrivals *arrivals, const int64_t *due, size_t count, bool more);
int64_t schedule_next(const Engine *engine);                              /* the next arrival, NEVER for none */
int64_t schedule_due(const Engine *engine);                               /* the next start or retry */
void schedule_admit(Engine *engine);                                      /* arrivals that are due now */
void schedule_tend(Engine *engine);                                       /* starts and retries that are due now */
void schedule_release(Engine *engine, Connection *connection);            /* it may carry another request */
void schedule_retry(Engine *engine, Connection *connection, int when);    /* open it again, for its request or another */
void schedule_close(Engine *engine);                                      /* nothing more is sent */
bool schedule_is_over(const Engine *engine);
void list_leave(Connection *connection);

/* connection.c: sockets. */
void connection_begin(Engine *engine, Connection *connection, int64_t due);
void connection_watch(Engine *engine, Connection *connection, int operation, bool room);
void connection_open(Engine *engine, Connection *connection);
void connection_event(Engine *engine, Connection *connection, uint32_t mask);
void connection_next(Engine *engine, Connection *connection, bool keep_alive);
void connection_drop(Engine *engine, Connection *connection);
void connection_forget(Engine *engine, Connection *connection); /* its request as well */
void connection_sweep(Engine *engine);
void connection_fail(Engine *engine, Connection *connection, const char *kind, const char *text, int retry);
void connection_refuse(Engine *engine, Connection *connection, const char *text, const char *seen, size_t size);

/* answer.c: is it right? */
void answer_receive(Engine *engine, Connection *connection, const char *bytes, size_t size, int64_t delay);
void answer_end(Engine *engine, Connection *connection);
void ask_free(Ask *ask);

/* slice.c: an engine that keeps its connections. */
uint32_t slice_look(Engine *engine);                           /* drop what was closed while idle; how many connections are missing */
bool slice_adopt(Engine *engine, int fd);                      /* take over a connected socket */
bool slice_begin(Engine *engine, int64_t limit, int64_t most, uint64_t start);
void slice_end(Engine *engine);
void slice_count(Engine *engine);

/* counts.c: what was seen. */
bool counts_init(Counts *counts, const Plan *plan);
void counts_free(Counts *counts);
void count_right(Engine *engine, const Connection *connection, int status, int64_t delay);
void count_wrong(Engine *engine, const Connection *connection, int status);
void count_flight(Engine *engine, const Connection *connection, int64_t until);

#endif
