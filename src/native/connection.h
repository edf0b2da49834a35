/* The sockets of one engine: open, send, receive. Functions return what may happen next. */
#pragma once

#include <sys/epoll.h>

#include "counts.h"
#include "response.h"

#define READ_BYTES ((size_t)64 * 1024) /* of one recv: as much as loopback hands over at once */

/* The next thing that a connection can do. */
typedef enum {
    CONNECTION_RETRY_AT_ONCE, /* open a socket again, for its request or another */
    CONNECTION_RETRY_SOON,
    CONNECTION_RETRY_LATER,
    CONNECTION_RETRIES, /* how many kinds of retry there are */
    CONNECTION_WAITS,   /* for an event */
    CONNECTION_FREE,    /* may carry another request */
    CONNECTION_SPENT    /* may carry another request, on a new socket */
} Outcome;

/* A slot for one socket at a time, and the request it carries. */
typedef struct Connection {
    int fd; /* -1: none */
    uint32_t request;
    bool busy;      /* has a request, sent or not */
    bool linked;    /* connected, and something was sent */
    bool reused;    /* carried a response before: a server may close it instead of responding */
    bool watching;  /* for room to send */
    int send_error; /* the first one, judged when the socket is read */
    size_t sent;    /* bytes of the request */
    Times times;
    int64_t since;  /* of the first attempt to connect; 0: none */
    Parser *parser; /* of a partial response */
    /* For the schedule: */
    int64_t retry; /* when to try again */
    struct List *list;
    struct Connection *next, *before;
} Connection;

/* The state that all connections of an engine share. */
typedef struct {
    Plan plan;
    Counts counts;
    Reader reader;
    int epoll;
    char *buffer;
    int64_t now, refused_since, busy, in_flight;
    int64_t lost; /* connections that the server closed while they were idle */
    bool over;
    const char *broken; /* a fault of this machine, not of the server */
    int broken_code;
} Run;

bool run_init(Run *run, const Plan *plan); /* false: see errno */
void run_free(Run *run);
void run_break(Run *run, const char *what, int code);
void run_fail(Run *run, uint32_t request, const Failure *failure);

Outcome connection_begin(Run *run, Connection *connection, uint32_t request, int64_t due);
Outcome connection_open(Run *run, Connection *connection);
Outcome connection_event(Run *run, Connection *connection, uint32_t mask);
Outcome connection_expire(Run *run, Connection *connection); /* fail a request past its deadline */
bool connection_is_usable(Run *run, const Connection *connection); /* an idle one, for a request */
void connection_watch(Run *run, Connection *connection, int operation, bool room);
void connection_drop(Run *run, Connection *connection);
void connection_forget(Run *run, Connection *connection); /* its request as well */
