/* The begin and the end of a response: the language of whichworker.load.framing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"

/* The limits of whichworker.load.framing: a server beyond them is broken, reading on is no use. */
#define HEAD_LIMIT_BYTES ((size_t)64 * 1024)
#define BODY_LIMIT_BYTES (INT64_C(64) * 1024 * 1024)
#define CHUNK_LINE_LIMIT_BYTES ((size_t)4096)
#define INTERIM_LIMIT 16 /* responses 1xx before the final one */
#define SEEN_BYTES 60    /* of malformed input, shown in a failure: they fit on a line */

typedef enum {
    PARSER_MORE,
    PARSER_DONE,
    PARSER_REFUSED,
    PARSER_TRUNCATED,
    PARSER_NO_MEMORY
} ParserState;

typedef enum { FRAMING_NONE, FRAMING_LENGTH, FRAMING_CHUNKED, FRAMING_CLOSE } Framing;

typedef enum {
    STAGE_HEAD,
    STAGE_SIZED,
    STAGE_UNTIL_CLOSE,
    STAGE_CHUNK_LINE,
    STAGE_CHUNK,
    STAGE_TRAILER
} Stage;

/* One response. `head` is the final header block without its blank line. The body is the first
 * `matched` bytes of `expected`, which are compared as they come and not kept, and then `rest`, of
 * which at most `kept` bytes are kept. */
typedef struct {
    ParserState state;
    Stage stage;
    bool to_head_request;
    bool keep_alive;
    Framing framing;
    int status;
    int interims;    /* responses 1xx so far */
    int64_t limit;   /* of the body, in bytes */
    int64_t missing; /* bytes of the body or chunk still to come */
    size_t scanned;  /* bytes of the head or trailers looked at */
    size_t leftover; /* bytes that came after the end */
    Bytes pending;
    Bytes head;
    Bytes expected; /* borrowed */
    size_t matched, kept;
    Bytes rest;
    int64_t size; /* of the body so far */
    const char *view; /* what is not consumed yet, valid only within a call of parser_feed */
    size_t view_size;
    const char *error; /* what is wrong, a constant; `seen` are the first bytes of it */
    char seen[SEEN_BYTES];
    size_t seen_size;
} Parser;

/* Make a parser of zeroes; its memory is a part of the allowance. */
void parser_init(Parser *parser, Allowance *allowance);

/* Make ready for a response. The body that is expected may be empty, which compares nothing; its
 * bytes must stay where they are. At most `kept` bytes of another body are kept. */
void parser_reset(Parser *parser, bool to_head_request, int64_t body_limit, const Bytes *expected,
                  size_t kept);

/* Forget the response; little memory is kept for another. */
void parser_clear(Parser *parser);

/* Take more bytes; anything but PARSER_MORE is final. */
ParserState parser_feed(Parser *parser, const char *bytes, size_t size);

/* Whether the body is exactly the expected one. */
bool parser_matches(const Parser *parser);

/* Take the end of the connection: PARSER_DONE, PARSER_TRUNCATED, or what was wrong before. */
ParserState parser_finish(Parser *parser);

void parser_free(Parser *parser);
