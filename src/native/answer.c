#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "engine.h"

/* What is learnt here can only make a right answer cheaper: anything unknown goes to the owner, whose word is final. */

static bool knows(const Known *known, const Bytes *bytes) {
    for (unsigned at = 0; at < known->size; at++) {
        if (bytes_equal(&known->entries[at], bytes->at, bytes->size)) {
            return true;
        }
    }
    return false;
}

static bool learn(Known *known, unsigned most, const Bytes *bytes) {
    if (knows(known, bytes)) {
        return true;
    }
    Bytes *entry = &known->entries[known->next];
    if (!bytes_set(entry, bytes->at, bytes->size)) {
        return false;
    }
    known->next = (known->next + 1) % most;
    known->size = known->size < most ? known->size + 1 : most;
    return true;
}

static bool contains(const Bytes *body, const Bytes *text) {
    return text->size == 0 || (body->size >= text->size && memmem(body->at, body->size, text->at, text->size) != NULL);
}

static bool accepts(const Ask *ask, const Parser *parser) {
    if (ask->status >= 0 && parser->status != ask->status) {
        return false;
    }
    if (ask->has_body && !bytes_equal(&ask->body, parser->body.at, parser->body.size)) {
        return false;
    }
    for (size_t at = 0; at < ask->contained; at++) {
        if (!contains(&parser->body, &ask->contains[at])) {
            return false;
        }
    }
    return (!ask->by_head || knows(&ask->heads, &parser->head)) && (!ask->by_body || knows(&ask->bodies, &parser->body));
}

static bool learn_parts(Ask *ask, const Parser *parser) {
    bool good = !ask->by_head || learn(&ask->heads, KNOWN_HEADS, &parser->head);
    if (ask->by_body && parser->body.size <= KNOWN_BODY_BYTES) {
        good = learn(&ask->bodies, KNOWN_BODIES, &parser->body) && good;
    }
    return good;
}

static bool judge(Engine *engine, Connection *connection, const Parser *parser, bool *right, bool *asked) {
    Ask *ask = &engine->asks[connection->ask];
    *right = accepts(ask, parser);
    *asked = !*right;
    if (*right) {
        return true;
    }
    if (!engine->owner.judge(engine->owner.self, connection->ask, parser, right)) {
        engine_break(engine, "interrupted", 0);
        return false;
    }
    if (*right && !learn_parts(ask, parser)) {
        engine_break(engine, "out of memory", 0);
        return false;
    }
    return true;
}

static void set_parser_free(Engine *engine, Connection *connection) {
    if (connection->parser != NULL) {
        engine->parsers[engine->parser_count++] = connection->parser;
        connection->parser = NULL;
    }
}

/* The answer is not complete: the connection keeps the parser, and another one takes its place. */
static void keep_parser(Engine *engine, Connection *connection) {
    if (connection->parser != NULL) {
        return;
    }
    Parser *other = engine->parser_count ? engine->parsers[--engine->parser_count] : calloc(1, sizeof *other);
    if (other == NULL) {
        engine_break(engine, "out of memory", 0);
        return;
    }
    connection->parser = engine->scratch;
    engine->scratch = other;
}

static void refuse(Engine *engine, Connection *connection, const Parser *parser, const char *text) {
    /* A copy: failing gives the parser back, and the text is shown afterwards. */
    char seen[SEEN_BYTES];
    size_t size = parser->seen_size;
    memcpy(seen, parser->seen, size);
    connection_refuse(engine, connection, text, seen, size);
}

/* Judge a complete answer; `whole` is it as it came, when it came in one piece. */
static void complete(Engine *engine, Connection *connection, Parser *parser, const char *whole, size_t size, int64_t delay) {
    Ask *ask = &engine->asks[connection->ask];
    bool right = false, asked = false, keep_alive = parser->keep_alive;
    int status = parser->status;
    if (parser->leftover > 0) {
        refuse(engine, connection, parser, "bytes after the end of the answer");
        return;
    }
    bool judged = judge(engine, connection, parser, &right, &asked);
    set_parser_free(engine, connection);
    if (!judged) {
        return;
    }
    if (right) {
        count_right(engine, connection, status, delay);
        if (whole != NULL && keep_alive && bytes_set(&ask->last, whole, size)) {
            ask->last_status = status;
        }
    } else {
        count_wrong(engine, connection, status);
    }
    connection->freed = engine->now;
    if (asked) {
        engine->now = clock_ns(CLOCK_MONOTONIC); /* what the owner took is lag of the next request, not its service time */
    }
    connection_next(engine, connection, keep_alive);
}

void answer_receive(Engine *engine, Connection *connection, const char *bytes, size_t size, int64_t delay) {
    Ask *ask = &engine->asks[connection->ask];
    Parser *parser = connection->parser;
    if (parser == NULL) {
        connection->first = engine->now;
        if (ask->last.size == size && memcmp(ask->last.at, bytes, size) == 0) {
            count_right(engine, connection, ask->last_status, delay);
            connection->freed = engine->now;
            connection_next(engine, connection, true);
            return;
        }
        parser = engine->scratch;
        parser_reset(parser, ask->head_request, BODY_LIMIT_BYTES);
    }
    switch (parser_feed(parser, bytes, size)) {
    case PARSER_MORE:
        keep_parser(engine, connection);
        break;
    case PARSER_DONE:
        complete(engine, connection, parser, connection->parser == NULL ? bytes : NULL, size, delay);
        break;
    case PARSER_NO_MEMORY:
        engine_break(engine, "out of memory", 0);
        break;
    default:
        refuse(engine, connection, parser, parser->error);
    }
}

void answer_end(Engine *engine, Connection *connection) {
    if (connection->parser != NULL && parser_finish(connection->parser) == PARSER_DONE) {
        complete(engine, connection, connection->parser, NULL, 0, -1);
        return;
    }
    bool part = connection->parser != NULL;
    const char *text = part ? "connection closed after a part of the answer" : "connection closed before any byte of the answer";
    connection_fail(engine, connection, "reset", text, RETRY_AT_ONCE);
}

static void known_free(Known *known) {
    for (unsigned at = 0; at < KNOWN_BODIES; at++) {
        bytes_clear(&known->entries[at], 0);
    }
}

void ask_free(Ask *ask) {
    bytes_clear(&ask->wire, 0);
    bytes_clear(&ask->body, 0);
    bytes_clear(&ask->last, 0);
    for (size_t at = 0; at < ask->contained; at++) {
        bytes_clear(&ask->contains[at], 0);
    }
    free(ask->contains);
    known_free(&ask->heads);
    known_free(&ask->bodies);
}
