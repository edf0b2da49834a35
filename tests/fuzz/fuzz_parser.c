/* Feeds the response parser whatever libFuzzer thinks of: whole, and split where the data says.
 *
 * The first byte says whether the request was a HEAD (1) and how many splits follow (its upper
 * half, at most 7), a byte each; the rest is the response. When it is split, its last bytes are the
 * body that is expected.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "parser.h"

enum { BODY_LIMIT = 4096, EXPECTED = 64, ROOM = 4 * 1024 * 1024, MOST_SPLITS = 7 };

static void demand(int truth) {
    if (!truth) {
        abort();
    }
}

static int bytes_same(const Bytes *one, const Bytes *other)
{
    return bytes_equal(one, other->at, other->size);
}

/* Whether a body, compared as it came, is the one that another parser kept. */
static int body_same(const Parser *compared, const Bytes *kept) {
    size_t matched = compared->matched;
    return matched + compared->rest.size == kept->size &&
           (matched == 0 || memcmp(compared->expected.at, kept->at, matched) == 0) &&
           (compared->rest.size == 0 ||
            memcmp(compared->rest.at, kept->at + matched, compared->rest.size) == 0);
}

static void check(const Parser *parser) {
    demand(parser->size == (int64_t)(parser->matched + parser->rest.size));
    demand(parser->size <= BODY_LIMIT);
    demand(parser->matched <= parser->expected.size);
    demand(parser->pending.room + parser->head.room + parser->rest.room <= ROOM);
    demand(parser->state != PARSER_NO_MEMORY);
    demand(parser->state != PARSER_REFUSED || parser->error != NULL);
    demand(parser->state != PARSER_DONE || (parser->status >= 200 && parser->status <= 599));
    demand(parser->missing >= 0 && parser->seen_size <= SEEN_BYTES);
}

static void feed(Parser *parser, const uint8_t *data, size_t size) {
    ParserState before = parser->state;
    char *exact = malloc(size ? size : 1); /* so that the sanitizer detects a read past the piece */
    memcpy(exact, data, size);
    ParserState after = parser_feed(parser, exact, size);
    free(exact);
    demand(before == PARSER_MORE || after == before);
    check(parser);
#ifdef PLANTED_BUG
    /* What a forgotten limit would do: a third chunk of a response without a Content-Length. */
    demand(!(parser->framing == FRAMING_CHUNKED && parser->stage == STAGE_TRAILER &&
             parser->rest.size > 2));
#endif
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static Parser whole, split;
    if (size == 0) {
        return 0;
    }
    int head = data[0] & 1;
    size_t splits = (data[0] >> 4) & MOST_SPLITS, at = 1 + splits;
    if (size < at) {
        return 0;
    }
    size_t tail = size - at < EXPECTED ? size - at : EXPECTED;
    Bytes none = {0}, expected = {.at = (char *)data + size - tail, .size = tail};
    parser_reset(&whole, head, BODY_LIMIT, &none, BODY_LIMIT);
    parser_reset(&split, head, BODY_LIMIT, &expected, BODY_LIMIT);
    feed(&whole, data + at, size - at);
    for (size_t number = 0; number < splits; number++) {
        size_t piece = data[1 + number] < size - at ? data[1 + number] : size - at;
        feed(&split, data + at, piece);
        at += piece;
    }
    feed(&split, data + at, size - at);
    demand(parser_finish(&whole) == parser_finish(&split));
    demand(whole.status == split.status || whole.state == PARSER_REFUSED);
    if (whole.state == PARSER_DONE) {
        demand(whole.leftover == split.leftover && whole.keep_alive == split.keep_alive &&
               whole.framing == split.framing);
        demand(body_same(&split, &whole.rest) && bytes_same(&whole.head, &split.head));
    }
    return 0;
}
