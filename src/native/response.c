#include "response.h"

#include <stdlib.h>
#include <string.h>

/* Known responses only make a correct response cheaper to accept. */

static bool knows(const Known *known, const Bytes *bytes) {
    for (unsigned at = 0; at < known->size; at++) {
        if (bytes_equal(&known->entries[at], bytes->at, bytes->size)) { return true; }
    }
    return false;
}

static void learn(Known *known, unsigned most, const Bytes *bytes, Allowance *allowance) {
    Bytes *entry = &known->entries[known->next];
    entry->allowance = allowance;
    if (knows(known, bytes) || !bytes_set(entry, bytes->at, bytes->size)) { return; }
    known->next = (known->next + 1) % most;
    known->size = known->size < most ? known->size + 1 : most;
}

static bool contains(const Bytes *body, const Bytes *text) {
    return text->size == 0 ||
           (body->size >= text->size && memmem(body->at, body->size, text->at, text->size) != NULL);
}

/* The body of a response that may be correct: one that was expected is not kept. */
static const Bytes *body_of(const Request *request, const Parser *parser) {
    return request->has_body ? &request->body : &parser->rest;
}

static bool accepts(const Request *request, const Parser *parser) {
    if (request->status >= 0 && parser->status != request->status) { return false; }
    if (request->has_body && !parser_matches(parser)) { return false; }
    const Bytes *body = body_of(request, parser);
    for (size_t at = 0; at < request->contained; at++) {
        if (!contains(body, &request->contains[at])) { return false; }
    }
    return (!request->by_head || knows(&request->heads, &parser->head)) &&
           (!request->by_body || knows(&request->bodies, body));
}

static void learn_parts(Request *request, const Parser *parser, Allowance *allowance) {
    const Bytes *body = body_of(request, parser);
    if (request->by_head) { learn(&request->heads, KNOWN_HEADS, &parser->head, allowance); }
    if (request->by_body && body->size <= KNOWN_BODY_BYTES) {
        learn(&request->bodies, KNOWN_BODIES, body, allowance);
    }
}

/* Judge a complete response; the owner has the last word on any that is not known. */
static ResponseState judge(Reader *reader, uint32_t number, const Parser *parser,
                           bool *owner_judged) {
    Request *request = &reader->requests[number];
    bool correct = false;
    if (accepts(request, parser)) { return RESPONSE_CORRECT; }
    *owner_judged = true;
    if (!reader->owner.judge(reader->owner.self, number, parser, &correct)) {
        return RESPONSE_INTERRUPTED;
    }
    if (!correct) { return RESPONSE_WRONG; }
    learn_parts(request, parser, &reader->known);
    return RESPONSE_CORRECT;
}

static ResponseState refuse(const Parser *parser, const char *text, Response *response) {
    response->failure = (Failure){"framing", text, parser->seen, parser->seen_size};
    return RESPONSE_MALFORMED;
}

static ResponseState complete(Reader *reader, uint32_t number, const Parser *parser,
                              Response *response) {
    response->status = parser->status;
    response->keep_alive = parser->keep_alive;
    if (parser->leftover > 0) {
        return refuse(parser, "bytes after the end of the response", response);
    }
    return judge(reader, number, parser, &response->owner_judged);
}

static Parser *make_parser(Reader *reader) {
    Parser *parser = malloc(sizeof *parser);
    if (parser != NULL) { parser_init(parser, &reader->memory); }
    return parser;
}

/* The response is partial: the connection keeps the parser, and a spare one takes its place. */
static ResponseState keep_parser(Reader *reader, Parser **parser) {
    if (*parser == NULL) {
        bool any = reader->spare_count > 0;
        Parser *other = any ? reader->spare[--reader->spare_count] : make_parser(reader);
        if (other == NULL) { return RESPONSE_NO_MEMORY; }
        *parser = reader->scratch;
        reader->scratch = other;
    }
    return RESPONSE_PARTIAL;
}

void response_drop(Reader *reader, Parser **parser) {
    if (*parser != NULL) {
        parser_clear(*parser);
        reader->spare[reader->spare_count++] = *parser;
        *parser = NULL;
    }
}

static ResponseState complete_whole(Reader *reader, uint32_t number, const Bytes *bytes,
                                    Response *response) {
    Request *request = &reader->requests[number];
    ResponseState state = complete(reader, number, reader->scratch, response);
    if (state == RESPONSE_CORRECT && response->keep_alive &&
        bytes_set(&request->last, bytes->at, bytes->size)) {
        request->last_status = response->status;
    }
    return state;
}

ResponseState response_read(Reader *reader, uint32_t number, Parser **parser, const Bytes *bytes,
                            Response *response) {
    Request *request = &reader->requests[number];
    Parser *active = *parser != NULL ? *parser : reader->scratch;
    *response = (Response){0};
    if (*parser == NULL) {
        if (bytes_equal(&request->last, bytes->at, bytes->size)) {
            response->status = request->last_status;
            response->keep_alive = true;
            return RESPONSE_CORRECT;
        }
        parser_reset(active, request->head_request, BODY_LIMIT_BYTES, &request->body,
                     request->kept);
    }
    switch (parser_feed(active, bytes->at, bytes->size)) {
    case PARSER_MORE:
        return keep_parser(reader, parser);
    case PARSER_DONE:
        return *parser == NULL ? complete_whole(reader, number, bytes, response)
                               : complete(reader, number, active, response);
    case PARSER_NO_MEMORY:
        return RESPONSE_NO_MEMORY;
    default:
        return refuse(active, active->error, response);
    }
}

ResponseState response_end(Reader *reader, uint32_t number, Parser **parser, Response *response) {
    *response = (Response){0};
    if (*parser == NULL || parser_finish(*parser) != PARSER_DONE) { return RESPONSE_CUT_OFF; }
    return complete(reader, number, *parser, response);
}

void request_free(Request *request) {
    bytes_clear(&request->wire, 0);
    bytes_clear(&request->body, 0);
    bytes_clear(&request->last, 0);
    for (size_t at = 0; at < request->contained; at++) {
        bytes_clear(&request->contains[at], 0);
    }
    free(request->contains);
    for (unsigned at = 0; at < KNOWN_BODIES; at++) {
        bytes_clear(&request->heads.entries[at], 0);
        bytes_clear(&request->bodies.entries[at], 0);
    }
}

bool reader_init(Reader *reader, uint32_t connections, size_t memory) {
    reader->memory.left = memory;
    reader->known.left = KNOWN_BYTES;
    reader->scratch = make_parser(reader);
    reader->spare = calloc((size_t)connections + 1, sizeof *reader->spare); /* and the scratch */
    return reader->scratch != NULL && reader->spare != NULL;
}

static void parser_release(Parser *parser) {
    if (parser != NULL) {
        parser_free(parser);
        free(parser);
    }
}

void reader_free(Reader *reader) {
    for (uint32_t at = 0; at < reader->request_count; at++) {
        request_free(&reader->requests[at]);
    }
    parser_release(reader->scratch);
    while (reader->spare_count > 0) {
        parser_release(reader->spare[--reader->spare_count]);
    }
    free(reader->spare);
    free(reader->requests);
}
