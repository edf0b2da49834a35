#include "parser.h"

#include <string.h>

#define KEPT_BYTES ((size_t)64 * 1024) /* of a buffer, for the next response: as one recv brings */
#define LENGTH_DIGITS 18               /* the most that always fit an int64 */
#define CHUNK_DIGITS 15                /* hexadecimal, likewise */

typedef struct {
    const char *at;
    size_t size;
} Span;

/* The framing, as the header lines declare it. */
typedef struct {
    int lengths;
    Span length;
    bool length_bad;
    bool lengths_differ;
    int codings;
    bool chunked;
    bool close;
    bool keep_alive;
} Said;

static bool refuse(Parser *parser, const char *error, Span seen) {
    parser->state = PARSER_REFUSED;
    parser->error = error;
    parser->seen_size = seen.size < SEEN_BYTES ? seen.size : SEEN_BYTES;
    if (parser->seen_size > 0) { memcpy(parser->seen, seen.at, parser->seen_size); }
    return false;
}

static bool refuse_plainly(Parser *parser, const char *error) {
    return refuse(parser, error, (Span){NULL, 0});
}

static void consume(Parser *parser, size_t size) {
    parser->view += size;
    parser->view_size -= size;
}

/* Letters. */

static bool is_digit(char letter) { return letter >= '0' && letter <= '9'; }

static bool is_blank(char letter) { return letter == ' ' || letter == '\t'; }

static bool is_text(char letter) {
    unsigned char code = (unsigned char)letter;
    return code == '\t' || (code >= 0x20 && code <= 0x7e) || code >= 0x80;
}

static bool is_token(char letter) {
    return is_digit(letter) || (letter >= 'a' && letter <= 'z') ||
           (letter >= 'A' && letter <= 'Z') ||
           (letter != '\0' && strchr("!#$%&'*+-.^_`|~", letter) != NULL);
}

static bool all_text(Span span) {
    for (size_t at = 0; at < span.size; at++) {
        if (!is_text(span.at[at])) { return false; }
    }
    return true;
}

static int hex_value(char letter) {
    if (is_digit(letter)) { return letter - '0'; }
    char low = (char)(letter | 0x20);
    return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

static Span strip(Span span) {
    while (span.size > 0 && is_blank(span.at[0])) {
        span.at++;
        span.size--;
    }
    while (span.size > 0 && is_blank(span.at[span.size - 1])) {
        span.size--;
    }
    return span;
}

/* `word` is in lower case. */
static bool is_word(Span span, const char *word) {
    size_t size = strlen(word);
    if (span.size != size) { return false; }
    for (size_t at = 0; at < size; at++) {
        char letter = span.at[at];
        if ((letter >= 'A' && letter <= 'Z' ? (char)(letter | 0x20) : letter) != word[at]) {
            return false;
        }
    }
    return true;
}

static bool same(Span one, Span other) {
    return one.size == other.size && memcmp(one.at, other.at, one.size) == 0;
}

/* The next item of a comma-separated list; false after the last. "" has one empty item. */
static bool next_item(Span *rest, Span *item) {
    if (rest->at == NULL) { return false; }
    const char *comma = rest->size ? memchr(rest->at, ',', rest->size) : NULL;
    if (comma == NULL) {
        *item = strip(*rest);
        rest->at = NULL;
        return true;
    }
    size_t size = (size_t)(comma - rest->at);
    *item = strip((Span){rest->at, size});
    rest->at += size + 1;
    rest->size -= size + 1;
    return true;
}

/* The header block. */

static void note_length(Said *said, Span item) {
    bool good = item.size >= 1 && item.size <= LENGTH_DIGITS;
    for (size_t at = 0; at < item.size && good; at++) {
        good = is_digit(item.at[at]);
    }
    if (said->lengths > 0 && !same(said->length, item)) { said->lengths_differ = true; }
    /* Of several the first counts; a bad one is kept to be shown. */
    if (said->lengths == 0 || (!good && !said->length_bad)) { said->length = item; }
    said->lengths++;
    said->length_bad = said->length_bad || !good;
}

static void note_list(Said *said, Span name, Span value) {
    bool length = is_word(name, "content-length");
    bool coding = !length && is_word(name, "transfer-encoding");
    if (!length && !coding && !is_word(name, "connection")) { return; }
    Span item;
    while (next_item(&value, &item)) {
        if (length) {
            note_length(said, item);
        } else if (coding) {
            said->codings++;
            said->chunked = is_word(item, "chunked");
        } else {
            said->close = said->close || is_word(item, "close");
            said->keep_alive = said->keep_alive || is_word(item, "keep-alive");
        }
    }
}

static bool read_field(Parser *parser, Span line, Said *said) {
    size_t name = 0;
    while (name < line.size && is_token(line.at[name])) {
        name++;
    }
    Span value = {line.at + name, line.size - name};
    if (name == 0 || value.size == 0 || value.at[0] != ':' || !all_text(value)) {
        return refuse(parser, "not a header line", line);
    }
    value.at++;
    value.size--;
    note_list(said, (Span){line.at, name}, strip(value));
    return true;
}

static bool read_status_line(Parser *parser, Span line, bool *http11) {
    const char *at = line.at;
    bool good = line.size >= 12 && memcmp(at, "HTTP/1.", 7) == 0 &&
                (at[7] == '0' || at[7] == '1') && at[8] == ' ' && at[9] >= '1' && at[9] <= '5' &&
                is_digit(at[10]) && is_digit(at[11]);
    if (good && line.size > 12) {
        good = at[12] == ' ' && all_text((Span){at + 12, line.size - 12});
    }
    if (!good) { return refuse(parser, "not a status line", line); }
    *http11 = at[7] == '1';
    parser->status = (at[9] - '0') * 100 + (at[10] - '0') * 10 + (at[11] - '0');
    return true;
}

static bool settle_framing(Parser *parser, const Said *said, bool http11) {
    if (said->lengths && said->codings) {
        return refuse_plainly(parser, "both a transfer-encoding and a content-length");
    }
    if (said->codings && (!http11 || said->codings != 1 || !said->chunked)) {
        return refuse_plainly(parser, "transfer-encoding cannot be used here");
    }
    if (said->length_bad) { return refuse(parser, "not a content-length", said->length); }
    if (said->lengths_differ) { return refuse_plainly(parser, "differing content-lengths"); }
    parser->missing = 0;
    for (size_t at = 0; said->lengths && at < said->length.size; at++) {
        parser->missing = parser->missing * 10 + (said->length.at[at] - '0');
    }
    if (parser->to_head_request || parser->status < 200 || parser->status == 204 ||
        parser->status == 304) {
        parser->framing = FRAMING_NONE;
    } else if (said->codings) {
        parser->framing = FRAMING_CHUNKED;
    } else {
        parser->framing = said->lengths ? FRAMING_LENGTH : FRAMING_CLOSE;
    }
    parser->keep_alive =
        parser->framing != FRAMING_CLOSE && !said->close && (http11 || said->keep_alive);
    return true;
}

static Span next_line(Span *block) {
    const char *end = block->size ? memmem(block->at, block->size, "\r\n", 2) : NULL;
    size_t size = end ? (size_t)(end - block->at) : block->size;
    Span line = {block->at, size};
    *block = end ? (Span){end + 2, block->size - size - 2} : (Span){NULL, 0};
    return line;
}

static bool read_block(Parser *parser, Span block) {
    Said said = {0};
    bool http11 = false;
    if (!read_status_line(parser, next_line(&block), &http11)) { return false; }
    while (block.at != NULL) {
        if (!read_field(parser, next_line(&block), &said)) { return false; }
    }
    return settle_framing(parser, &said, http11);
}

static bool skip_interim(Parser *parser) {
    parser->interims++;
    if (parser->status == 101 || parser->interims > INTERIM_LIMIT) {
        return refuse_plainly(parser, "unexpected interim response");
    }
    return true;
}

static bool within_limit(Parser *parser, int64_t size) {
    return size <= parser->limit ? true : refuse_plainly(parser, "body above the limit");
}

static bool begin_body(Parser *parser, Span block) {
    if (!bytes_set(&parser->head, block.at, block.size)) {
        parser->state = PARSER_NO_MEMORY;
        return false;
    }
    switch (parser->framing) {
    case FRAMING_NONE:
        parser->state = PARSER_DONE;
        return false;
    case FRAMING_LENGTH:
        parser->stage = STAGE_SIZED;
        return within_limit(parser, parser->missing);
    case FRAMING_CHUNKED:
        parser->stage = STAGE_CHUNK_LINE;
        return true;
    default:
        parser->stage = STAGE_UNTIL_CLOSE;
        return true;
    }
}

/* The earliest place for the blank line, when it is not there yet. */
static size_t earliest_end(const Parser *parser) {
    size_t size = parser->view_size;
    for (size_t begun = size < 3 ? size : 3; begun > 0; begun--) {
        if (memcmp(parser->view + size - begun, "\r\n\r\n", begun) == 0) { return size - begun; }
    }
    return size;
}

static bool read_head(Parser *parser) {
    size_t compared = parser->view_size < 7 ? parser->view_size : 7;
    /* Refuse what is no response at once: waiting for a blank line would end in a timeout. */
    if (compared > 0 && memcmp(parser->view, "HTTP/1.", compared) != 0) {
        return refuse(parser, "not a status line", (Span){parser->view, parser->view_size});
    }
    size_t from = parser->scanned > 3 ? parser->scanned - 3 : 0;
    const char *end = parser->view_size > from
                          ? memmem(parser->view + from, parser->view_size - from, "\r\n\r\n", 4)
                          : NULL;
    size_t size = end ? (size_t)(end - parser->view) : earliest_end(parser);
    parser->scanned = parser->view_size;
    if (size > HEAD_LIMIT_BYTES) {
        return refuse_plainly(parser, "header block above 65536 bytes");
    }
    if (end == NULL) { return false; }
    Span block = {parser->view, size};
    if (!read_block(parser, block)) { return false; }
    consume(parser, size + 4);
    parser->scanned = 0;
    return parser->status < 200 ? skip_interim(parser) : begin_body(parser, block);
}

/* The body. */

/* Whether the next bytes are as expected, and so was the body before them. */
static bool is_expected(const Parser *parser, size_t size) {
    const Bytes *expected = &parser->expected;
    return size > 0 && parser->size == (int64_t)parser->matched &&
           size <= expected->size - parser->matched &&
           memcmp(expected->at + parser->matched, parser->view, size) == 0;
}

static bool keep(Parser *parser, size_t size) {
    size_t room = parser->kept - parser->rest.size;
    if (is_expected(parser, size)) {
        parser->matched += size;
    } else if (!bytes_add(&parser->rest, parser->view, size < room ? size : room)) {
        return false;
    }
    parser->size += (int64_t)size;
    return true;
}

bool parser_matches(const Parser *parser) {
    return parser->size == (int64_t)parser->expected.size &&
           parser->matched == parser->expected.size;
}

static bool move(Parser *parser, size_t most) {
    size_t size = parser->view_size < most ? parser->view_size : most;
    if (!keep(parser, size)) {
        parser->state = PARSER_NO_MEMORY;
        return false;
    }
    consume(parser, size);
    parser->missing -= (int64_t)size;
    return true;
}

static bool read_sized(Parser *parser) {
    if (move(parser, (size_t)parser->missing) && parser->missing == 0) {
        parser->state = PARSER_DONE;
    }
    return false;
}

static bool read_until_close(Parser *parser) {
    if (within_limit(parser, parser->size + (int64_t)parser->view_size)) {
        move(parser, parser->view_size);
        parser->missing = 0; /* nobody knows how much is to come */
    }
    return false;
}

/* The next line, without its end; false when it is not complete yet, or too long. */
static bool take_line(Parser *parser, size_t limit, const char *too_long, Span *line) {
    const char *end = parser->view_size ? memmem(parser->view, parser->view_size, "\r\n", 2) : NULL;
    size_t size = end ? (size_t)(end - parser->view) : parser->view_size;
    if (size > limit + (end == NULL)) { return refuse_plainly(parser, too_long); }
    if (end == NULL) { return false; }
    *line = (Span){parser->view, size};
    consume(parser, size + 2);
    return true;
}

static bool read_chunk_line(Parser *parser) {
    Span line;
    if (!take_line(parser, CHUNK_LINE_LIMIT_BYTES, "chunk size line above 4096 bytes", &line)) {
        return false;
    }
    size_t at = 0;
    int64_t size = 0;
    while (at < line.size && at < CHUNK_DIGITS && hex_value(line.at[at]) >= 0) {
        size = size * 16 + hex_value(line.at[at++]);
    }
    Span rest = {line.at + at, line.size - at};
    while (rest.size > 0 && is_blank(rest.at[0])) {
        rest.at++;
        rest.size--;
    }
    if (at == 0 || (rest.size > 0 && (rest.at[0] != ';' || !all_text(rest)))) {
        return refuse(parser, "not a chunk size", line);
    }
    parser->missing = size;
    parser->stage = size > 0 ? STAGE_CHUNK : STAGE_TRAILER;
    return within_limit(parser, parser->size + size);
}

static bool read_chunk(Parser *parser) {
    if (parser->missing > 0 && !move(parser, (size_t)parser->missing)) { return false; }
    if (parser->missing > 0 || parser->view_size < 2) { return false; }
    if (memcmp(parser->view, "\r\n", 2) != 0) {
        return refuse_plainly(parser, "a chunk is longer than its size says");
    }
    consume(parser, 2);
    parser->stage = STAGE_CHUNK_LINE;
    return true;
}

static bool read_trailer(Parser *parser) {
    Span line;
    Said ignored = {0};
    /* `scanned` adds up the trailers: together they have the room of a header block. */
    if (!take_line(parser, HEAD_LIMIT_BYTES - parser->scanned, "trailers above 65536 bytes",
                   &line)) {
        return false;
    }
    if (line.size == 0) {
        parser->state = PARSER_DONE;
        return false;
    }
    parser->scanned += line.size;
    return read_field(parser, line, &ignored);
}

/* Take one step; true when there may be another. */
static bool step(Parser *parser) {
    switch (parser->stage) {
    case STAGE_HEAD:
        return read_head(parser);
    case STAGE_SIZED:
        return read_sized(parser);
    case STAGE_UNTIL_CLOSE:
        return read_until_close(parser);
    case STAGE_CHUNK_LINE:
        return read_chunk_line(parser);
    case STAGE_CHUNK:
        return read_chunk(parser);
    default:
        return read_trailer(parser);
    }
}

void parser_init(Parser *parser, Allowance *allowance) {
    *parser = (Parser){.pending.allowance = allowance,
                       .head.allowance = allowance,
                       .rest.allowance = allowance};
}

void parser_clear(Parser *parser) {
    bytes_clear(&parser->pending, KEPT_BYTES);
    bytes_clear(&parser->head, KEPT_BYTES);
    bytes_clear(&parser->rest, KEPT_BYTES);
}

void parser_reset(Parser *parser, bool to_head_request, int64_t body_limit, const Bytes *expected,
                  size_t kept) {
    parser_clear(parser);
    parser->expected = *expected;
    parser->matched = 0;
    parser->kept = kept;
    parser->size = 0;
    parser->state = PARSER_MORE;
    parser->stage = STAGE_HEAD;
    parser->to_head_request = to_head_request;
    parser->keep_alive = false;
    parser->framing = FRAMING_NONE;
    parser->status = parser->interims = 0;
    parser->limit = body_limit;
    parser->missing = 0;
    parser->scanned = parser->leftover = parser->seen_size = 0;
    parser->error = NULL;
}

static void note_leftover(Parser *parser, const char *bytes, size_t size) {
    size_t room = SEEN_BYTES - parser->seen_size;
    size_t taken = size < room ? size : room;
    if (taken > 0) { memcpy(parser->seen + parser->seen_size, bytes, taken); }
    parser->seen_size += taken;
    parser->leftover += size;
}

/* Keep what was not consumed for the next call, in a buffer that is touched only when there is
 * something to keep. */
static void keep_rest(Parser *parser, bool own) {
    if (own) {
        bytes_cut(&parser->pending, parser->pending.size - parser->view_size);
    } else if (parser->view_size > 0 &&
               !bytes_set(&parser->pending, parser->view, parser->view_size)) {
        parser->state = PARSER_NO_MEMORY;
    }
}

ParserState parser_feed(Parser *parser, const char *bytes, size_t size) {
    if (parser->state == PARSER_DONE) { note_leftover(parser, bytes, size); }
    if (parser->state != PARSER_MORE) { return parser->state; }
    bool own = parser->pending.size > 0;
    if (own && !bytes_add(&parser->pending, bytes, size)) {
        parser->state = PARSER_NO_MEMORY;
        return parser->state;
    }
    parser->view = own ? parser->pending.at : bytes;
    parser->view_size = own ? parser->pending.size : size;
    while (parser->state == PARSER_MORE && step(parser)) {}
    if (parser->state == PARSER_MORE) {
        keep_rest(parser, own);
    } else if (parser->state == PARSER_DONE) {
        note_leftover(parser, parser->view, parser->view_size);
    }
    parser->view = NULL;
    return parser->state;
}

ParserState parser_finish(Parser *parser) {
    if (parser->state == PARSER_MORE) {
        parser->state = parser->stage == STAGE_UNTIL_CLOSE ? PARSER_DONE : PARSER_TRUNCATED;
    }
    return parser->state;
}

void parser_free(Parser *parser) {
    bytes_clear(&parser->pending, 0);
    bytes_clear(&parser->head, 0);
    bytes_clear(&parser->rest, 0);
}
