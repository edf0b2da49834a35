/* Requests, and whether a response to one is correct. No input or output. */
#pragma once

#include "parser.h"

#define KNOWN_HEADS                                                                                \
    4                  /* for each request: the date changes once a second, old ones never return  \
                        */
#define KNOWN_BODIES 8 /* for each request: enough for a page that rotates; each is compared */
#define KNOWN_BODY_BYTES ((size_t)1024 * 1024) /* 1 MiB: at most 8 MiB for each request */
#define KNOWN_BYTES                                                                                \
    ((size_t)64 * 1024 * 1024) /* 64 MiB for all requests: the owner judges what does not fit */

/* The last few byte strings that were judged correct. */
typedef struct {
    Bytes entries[KNOWN_BODIES];
    unsigned size, next; /* how many there are; which one is replaced next */
} Known;

/* A request as bytes, and what is known about its correct responses. */
typedef struct {
    Bytes wire;
    bool head_request;
    int status; /* -1: any */
    bool has_body;
    Bytes body;
    size_t kept; /* bytes that conditions on the body, or a failure's sample, can look at */
    Bytes *contains;
    size_t contained;
    int route; /* that counts it apart; -1: none */
    bool by_head; /* conditions on headers: accept only a head that was judged correct */
    bool by_body; /* conditions that only the owner can check: accept only a body judged correct */
    Known heads, bodies;
    Bytes last; /* the last correct response as it came */
    int last_status;
    int64_t correct, total_correct; /* responses in the window, and in the whole run */
} Request;

/* `seen` are bytes to show. */
typedef struct {
    const char *kind, *text, *seen;
    size_t seen_size;
} Failure;

/* The callbacks of an engine's owner. Both return false if the run has to stop. */
typedef struct {
    void *self;
    /* Judge a complete response; the owner counts what is wrong with it. */
    bool (*judge)(void *self, uint32_t request, const Parser *parser, bool *correct);
    bool (*fail)(void *self, uint32_t request, const Failure *failure);
} Owner;

/* The requests, and parsers for their responses: one at work, and spare ones. */
typedef struct {
    Owner owner;
    Allowance memory; /* for all responses that are not complete */
    Allowance known;
    Request *requests;
    uint32_t request_count;
    Parser *scratch;
    Parser **spare;
    size_t spare_count;
} Reader;

typedef enum {
    RESPONSE_PARTIAL,
    RESPONSE_CORRECT,
    RESPONSE_WRONG,
    RESPONSE_MALFORMED,
    RESPONSE_CUT_OFF,
    RESPONSE_NO_MEMORY,
    RESPONSE_INTERRUPTED /* the owner stops the run */
} ResponseState;

typedef struct {
    int status;
    bool keep_alive;
    bool owner_judged; /* which takes time */
    Failure failure;   /* of a malformed one; valid until the next call */
} Response;

bool reader_init(Reader *reader, uint32_t connections, size_t memory); /* false: no memory */
void reader_free(Reader *reader);
void request_free(Request *request);

/* Take more bytes of a response. `parser` is the connection's own: NULL before the first byte; it
 * gets one if the response is partial, and gives it back by response_drop. */
ResponseState response_read(Reader *reader, uint32_t number, Parser **parser, const Bytes *bytes,
                            Response *response);

/* Take the end of the connection, which may complete a partial response. */
ResponseState response_end(Reader *reader, uint32_t number, Parser **parser, Response *response);

/* Give a connection's parser back, if it has one. */
void response_drop(Reader *reader, Parser **parser);
