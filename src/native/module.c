/* The engine and the parser as Python types. Limited API only: one build for all versions. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"

typedef struct {
    PyObject_HEAD Engine engine;
    PyObject *judge;
    PyObject *fail;
    PyThreadState *saved; /* while the engine runs without the lock of the interpreter */
} EngineObject;

typedef struct {
    PyObject_HEAD Parser parser;
    Allowance memory;
    PyObject *expected; /* whose bytes the parser borrows */
} ParserObject;

static Schedule *schedule_of(PyObject *object) {
    return &((EngineObject *)object)->engine.schedule;
}

static Run *run_of(PyObject *object) { return &schedule_of(object)->run; }

static PyObject *allocate(PyTypeObject *type) { return PyType_GenericAlloc(type, 0); }

static void release_object(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

/* The engine's questions. The thread that runs it takes the interpreter's lock back meanwhile. */

static PyObject *copy_body(const Parser *parser) {
    Py_ssize_t matched = (Py_ssize_t)parser->matched, size = (Py_ssize_t)parser->rest.size;
    PyObject *body = PyBytes_FromStringAndSize(NULL, matched + size);
    char *at = body != NULL ? PyBytes_AsString(body) : NULL;
    if (at != NULL && matched > 0) { memcpy(at, parser->expected.at, parser->matched); }
    if (at != NULL && size > 0) { memcpy(at + matched, parser->rest.at, parser->rest.size); }
    return body;
}

static bool owner_judge(void *self, uint32_t request, const Parser *parser, bool *correct) {
    EngineObject *owner = self;
    bool as_expected = parser->expected.size > 0 && parser_matches(parser);
    PyEval_RestoreThread(owner->saved);
    PyObject *body = as_expected ? Py_NewRef(Py_None) : copy_body(parser);
    PyObject *verdict = body != NULL
                            ? PyObject_CallFunction(owner->judge, "Iy#N", request, parser->head.at,
                                                    (Py_ssize_t)parser->head.size, body)
                            : NULL;
    int truth = verdict != NULL ? PyObject_IsTrue(verdict) : -1;
    Py_XDECREF(verdict);
    owner->saved = PyEval_SaveThread();
    *correct = truth > 0;
    return truth >= 0;
}

static bool owner_fail(void *self, uint32_t request, const Failure *failure) {
    EngineObject *owner = self;
    PyEval_RestoreThread(owner->saved);
    PyObject *done =
        PyObject_CallFunction(owner->fail, "sIsy#", failure->kind, request, failure->text,
                              failure->seen, (Py_ssize_t)failure->seen_size);
    bool good = done != NULL;
    Py_XDECREF(done);
    owner->saved = PyEval_SaveThread();
    return good;
}

/* Engine. */

static bool read_peer(Plan *plan, const char *host, unsigned short port, const char *path,
                      Py_ssize_t path_size) {
    struct sockaddr_in *v4 = (struct sockaddr_in *)&plan->peer;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&plan->peer;
    struct sockaddr_un *local = (struct sockaddr_un *)&plan->peer;
    if (path_size > 0) {
        if ((size_t)path_size >= sizeof local->sun_path) {
            PyErr_SetString(PyExc_ValueError, "a Unix socket's path has at most 107 bytes");
            return false;
        }
        local->sun_family = AF_UNIX;
        memcpy(local->sun_path, path, (size_t)path_size);
        plan->peer_size =
            (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)path_size + 1);
    } else if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        plan->peer_size = sizeof *v4;
    } else if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        plan->peer_size = sizeof *v6;
    } else {
        PyErr_SetString(PyExc_ValueError, "the host is not a numeric address");
        return false;
    }
    return true;
}

static bool check_plan(const Plan *plan) {
    bool good = plan->connections > 0 && plan->memory >= 0 &&
                (plan->closes > plan->opens || plan->slices);
    if (!good) {
        PyErr_SetString(PyExc_ValueError, "an engine needs a connection, memory and a window");
    }
    return good;
}

static bool read_plan(Plan *plan, EngineObject *self, PyObject *args, PyObject *words) {
    static char *names[] = {"host",    "port",  "path",    "address", "connections",
                            "begins",  "opens", "closes",  "stagger", "deadline",
                            "limit",   "flood", "memory",  "backlog", "spin",
                            "stamps",  "timerfd", "slices", "keep_alive",
                            "ends",    "judge", "fail",    NULL};
    const char *host, *path, *address;
    Py_ssize_t path_size;
    unsigned short port;
    if (!PyArg_ParseTupleAndKeywords(
            args, words, "$sHs#sILLLLLLLLLpppppLOO", names, &host, &port, &path, &path_size,
            &address, &plan->connections, &plan->begins, &plan->opens, &plan->closes,
            &plan->stagger, &plan->deadline, &plan->limit, &plan->flood, &plan->memory,
            &plan->backlog, &plan->spin, &plan->stamps, &plan->timerfd, &plan->slices,
            &plan->keep_alive, &plan->ends, &self->judge, &self->fail)) {
        self->judge = self->fail = NULL; /* borrowed */
        return false;
    }
    Py_INCREF(self->judge);
    Py_INCREF(self->fail);
    plan->limit = plan->limit < 0 ? NEVER : plan->limit;
    plan->ends = plan->ends < 0 ? NEVER : plan->ends;
    plan->flood = plan->flood < 0 ? NEVER : plan->flood;
    strncpy(plan->address, address, sizeof plan->address - 1);
    return check_plan(plan) && read_peer(plan, host, port, path, path_size);
}

static PyObject *engine_new(PyTypeObject *type, PyObject *args, PyObject *words) {
    EngineObject *self = (EngineObject *)allocate(type);
    Plan plan = {0};
    if (self == NULL) { return NULL; }
    self->engine.schedule.run.epoll = self->engine.timer = -1;
    if (!read_plan(&plan, self, args, words)) {
        Py_DECREF(self);
        return NULL;
    }
    self->engine.schedule.run.reader.owner = (Owner){self, owner_judge, owner_fail};
    if (!engine_init(&self->engine, &plan)) {
        PyErr_SetFromErrno(PyExc_OSError);
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

static void engine_dealloc(PyObject *object) {
    EngineObject *self = (EngineObject *)object;
    engine_free(&self->engine);
    Py_XDECREF(self->judge);
    Py_XDECREF(self->fail);
    release_object(object);
}

static bool take_bytes(Bytes *bytes, PyObject *object) {
    char *at;
    Py_ssize_t size;
    if (PyBytes_AsStringAndSize(object, &at, &size) != 0) { return false; }
    if (!bytes_set(bytes, at, (size_t)size)) {
        PyErr_NoMemory();
        return false;
    }
    return true;
}

static bool take_contained(Request *request, PyObject *texts) {
    Py_ssize_t count = PyTuple_Size(texts);
    request->contains = count > 0 ? calloc((size_t)count, sizeof *request->contains) : NULL;
    if (count > 0 && request->contains == NULL) {
        PyErr_NoMemory();
        return false;
    }
    for (Py_ssize_t at = 0; at < count; at++) {
        request->contained++;
        if (!take_bytes(&request->contains[at], PyTuple_GetItem(texts, at))) { return false; }
    }
    return true;
}

/* Whether there is such a route, or none: the next number is added. */
static bool has_route(Counts *counts, int route) {
    if (route < -1 || route > counts->route_count) {
        PyErr_SetString(PyExc_ValueError, "routes are numbered from 0, without a gap; -1 is none");
        return false;
    }
    if (route == counts->route_count && !counts_add_route(counts)) {
        PyErr_NoMemory();
        return false;
    }
    return true;
}

static PyObject *engine_add_request(PyObject *object, PyObject *args) {
    Reader *reader = &run_of(object)->reader;
    Request request = {0};
    PyObject *wire, *body, *texts;
    int head_request, by_head, by_body;
    unsigned long long kept;
    if (!PyArg_ParseTuple(args, "SpiOO!ppKi", &wire, &head_request, &request.status, &body,
                          &PyTuple_Type, &texts, &by_head, &by_body, &kept, &request.route) ||
        !has_route(&run_of(object)->counts, request.route)) {
        return NULL;
    }
    request.kept = kept;
    request.head_request = head_request;
    request.by_head = by_head;
    request.by_body = by_body;
    request.has_body = body != Py_None;
    Request *more = realloc(reader->requests, (reader->request_count + 1) * sizeof *more);
    if (more == NULL) { return PyErr_NoMemory(); }
    reader->requests = more;
    if (!take_bytes(&request.wire, wire) ||
        (request.has_body && !take_bytes(&request.body, body)) ||
        !take_contained(&request, texts)) {
        request_free(&request);
        return NULL;
    }
    more[reader->request_count++] = request;
    Py_RETURN_NONE;
}

static bool deck_is_sound(uint32_t request_count, const char *at, size_t count) {
    for (size_t place = 0; place < count; place++) {
        uint32_t request;
        memcpy(&request, at + place * sizeof request, sizeof request);
        if (request >= request_count) { return false; }
    }
    return count > 0;
}

static PyObject *engine_set_deck(PyObject *object, PyObject *argument) {
    Schedule *schedule = schedule_of(object);
    char *at;
    Py_ssize_t size;
    if (PyBytes_AsStringAndSize(argument, &at, &size) != 0) { return NULL; }
    size_t count = (size_t)size / sizeof(uint32_t);
    if (!deck_is_sound(schedule->run.reader.request_count, at, count)) {
        PyErr_SetString(PyExc_ValueError, "a deck consists of the numbers of added requests");
        return NULL;
    }
    uint32_t *deck = malloc(count * sizeof *deck);
    if (deck == NULL) { return PyErr_NoMemory(); }
    memcpy(deck, at, count * sizeof *deck);
    free(schedule->deck);
    schedule->deck = deck;
    schedule->deck_size = count;
    schedule->deck_at = 0;
    Py_RETURN_NONE;
}

static PyObject *engine_feed(PyObject *object, PyObject *args) {
    Py_buffer due;
    int more;
    if (!PyArg_ParseTuple(args, "y*p", &due, &more)) { return NULL; }
    bool good =
        schedule_feed(schedule_of(object), due.buf, (size_t)due.len / sizeof(int64_t), more);
    PyBuffer_Release(&due);
    if (!good) { return PyErr_NoMemory(); }
    Py_RETURN_NONE;
}

static PyObject *raise_broken(const Run *run) {
    if (PyErr_Occurred()) { return NULL; }
    PyObject *values = Py_BuildValue("is", run->broken_code, run->broken);
    if (values != NULL) {
        PyErr_SetObject(PyExc_OSError, values);
        Py_DECREF(values);
    }
    return NULL;
}

static PyObject *turn_until(EngineObject *self, int64_t until) {
    const Run *run = &self->engine.schedule.run;
    if (self->saved != NULL || run->reader.request_count == 0 || run->epoll < 0) {
        PyErr_SetString(PyExc_RuntimeError,
                        "an engine without requests, ended, or in a turn already");
        return NULL;
    }
    self->saved = PyEval_SaveThread();
    bool goes_on = engine_turn(&self->engine, until);
    PyThreadState *saved = self->saved;
    PyEval_RestoreThread(saved);
    self->saved = NULL;
    return run->broken != NULL ? raise_broken(run) : PyBool_FromLong(goes_on);
}

static PyObject *engine_turn_once(PyObject *object, PyObject *argument) {
    long long until = PyLong_AsLongLong(argument);
    return until == -1 && PyErr_Occurred() ? NULL : turn_until((EngineObject *)object, until);
}

/* Slices. */

static bool can_slice(EngineObject *self) {
    const Run *run = &self->engine.schedule.run;
    bool good = self->saved == NULL && run->plan.slices && run->epoll >= 0;
    if (!good) {
        PyErr_SetString(PyExc_RuntimeError,
                        "an engine that runs no slices, ended, or in a turn");
    }
    return good;
}

static PyObject *engine_look(PyObject *object, PyObject *Py_UNUSED(ignored)) {
    EngineObject *self = (EngineObject *)object;
    const Run *run = run_of(object);
    if (!can_slice(self)) { return NULL; }
    self->saved = PyEval_SaveThread();
    uint32_t missing = slice_look(&self->engine.schedule);
    PyThreadState *saved = self->saved;
    PyEval_RestoreThread(saved);
    self->saved = NULL;
    return run->broken != NULL ? raise_broken(run)
                               : Py_BuildValue("IL", missing, (long long)run->lost);
}

static PyObject *engine_adopt(PyObject *object, PyObject *argument) {
    const Run *run = run_of(object);
    long fd = PyLong_AsLong(argument);
    if ((fd == -1 && PyErr_Occurred()) || !can_slice((EngineObject *)object)) { return NULL; }
    if (fd < 0 || fd > INT_MAX || !slice_adopt(schedule_of(object), (int)fd)) {
        PyErr_SetString(PyExc_ValueError, "no connection is missing");
        return NULL;
    }
    return run->broken != NULL ? raise_broken(run) : Py_NewRef(Py_None);
}

static PyObject *engine_slice(PyObject *object, PyObject *args) {
    EngineObject *self = (EngineObject *)object;
    long long limit, most, until;
    unsigned long long start;
    if (!PyArg_ParseTuple(args, "LLKL", &limit, &most, &start, &until) || !can_slice(self)) {
        return NULL;
    }
    if (limit < 1 || most < 1) {
        PyErr_SetString(PyExc_ValueError, "a slice needs a request, and time");
        return NULL;
    }
    bool begun = slice_begin(schedule_of(object), limit, most, start);
    return begun ? turn_until(self, until) : PyErr_NoMemory();
}

static PyObject *engine_sliced(PyObject *object, PyObject *Py_UNUSED(ignored)) {
    const Counts *counts = &run_of(object)->counts;
    const Slice *slice = &counts->slice;
    if (!can_slice((EngineObject *)object)) { return NULL; }
    return Py_BuildValue("LLLLLy#", (long long)slice->began, (long long)slice->stopped,
                         (long long)slice->ended, (long long)counts->reconnects,
                         (long long)counts->most_in_flight,
                         slice->moments ? (const char *)slice->moments : "",
                         (Py_ssize_t)(slice->done * sizeof(int64_t)));
}

static PyObject *engine_stop(PyObject *object, PyObject *Py_UNUSED(ignored)) {
    __atomic_store_n(&((EngineObject *)object)->engine.stop, 1, __ATOMIC_RELAXED);
    Py_RETURN_NONE;
}

static PyObject *engine_close(PyObject *object, PyObject *Py_UNUSED(ignored)) {
    EngineObject *self = (EngineObject *)object;
    if (self->saved != NULL) {
        PyErr_SetString(PyExc_RuntimeError, "an engine cannot be closed in its turn");
        return NULL;
    }
    engine_end(&self->engine);
    Py_RETURN_NONE;
}

static Histogram *find_histogram(Counts *counts, const char *name, unsigned slice) {
    static const char *const names[] = {"service",    "send_lag", "receive_delay", "blocked",
                                        "connecting", "sending",  "waiting",       "receiving",
                                        "whole"}; /* in the order of the enum in counts.h */
    for (unsigned at = 0; at <= WHOLE && slice < MOST_SLICES; at++) {
        if (strcmp(names[at], name) == 0) {
            return &counts->histograms[at == WHOLE ? at + slice : at];
        }
    }
    return NULL;
}

static PyObject *engine_histogram(PyObject *object, PyObject *args) {
    const char *name;
    unsigned slice = 0;
    if (!PyArg_ParseTuple(args, "s|I", &name, &slice)) { return NULL; }
    const Histogram *histogram = find_histogram(&run_of(object)->counts, name, slice);
    if (histogram == NULL || histogram->counts == NULL) {
        PyErr_SetString(PyExc_KeyError, name);
        return NULL;
    }
    return Py_BuildValue("y#LL", (const char *)histogram->counts,
                         (Py_ssize_t)(SLOTS * sizeof(int64_t)), (long long)histogram->least,
                         (long long)histogram->most);
}

static PyObject *engine_route(PyObject *object, PyObject *args) {
    const Counts *counts = &run_of(object)->counts;
    int number;
    unsigned slice;
    if (!PyArg_ParseTuple(args, "iI", &number, &slice)) { return NULL; }
    if (number < 0 || number >= counts->route_count || slice >= MOST_SLICES) {
        PyErr_SetString(PyExc_IndexError, "no such route or slice");
        return NULL;
    }
    const Histogram *histogram = &counts->routes[number].slices[slice];
    return Py_BuildValue("L(y#LL)", (long long)counts->routes[number].due,
                         (const char *)histogram->counts, (Py_ssize_t)(SLOTS * sizeof(int64_t)),
                         (long long)histogram->least, (long long)histogram->most);
}

static PyObject *engine_totals(PyObject *object, PyObject *Py_UNUSED(ignored)) {
    const Run *run = run_of(object);
    const Counts *all = &run->counts;
    return Py_BuildValue(
        "{sL sL sL sL sL sL sL sL sL sL sL sL sL sL sL sL sL sL}", "requests",
        (long long)all->requests, "attempts", (long long)all->attempts, "scheduled",
        (long long)all->scheduled, "dropped", (long long)all->dropped, "most_backlog",
        (long long)all->most_backlog, "most_in_flight", (long long)all->most_in_flight, "flight_ns",
        (long long)all->flight_ns, "reconnects", (long long)all->reconnects, "received",
        (long long)all->received, "sent", (long long)all->sent, "total_correct",
        (long long)all->total_correct, "failures", (long long)all->failures, "closes",
        run->plan.closes, "slice_width", (long long)all->slice_width, "last", (long long)all->last,
        "stranded", (long long)all->stranded, "starved", (long long)all->starved, "silence",
        (long long)all->silence);
}

static PyObject *engine_tables(PyObject *object, PyObject *Py_UNUSED(ignored)) {
    const Reader *reader = &run_of(object)->reader;
    const Counts *counts = &run_of(object)->counts;
    PyObject *correct = PyList_New(0);
    for (uint32_t at = 0; correct != NULL && at < reader->request_count; at++) {
        const Request *request = &reader->requests[at];
        PyObject *pair =
            Py_BuildValue("LL", (long long)request->correct, (long long)request->total_correct);
        if (pair == NULL || PyList_Append(correct, pair) != 0) { Py_CLEAR(correct); }
        Py_XDECREF(pair);
    }
    if (correct == NULL) { return NULL; }
    return Py_BuildValue("Ny#y#", correct, (const char *)counts->statuses,
                         (Py_ssize_t)sizeof counts->statuses, (const char *)counts->buckets,
                         (Py_ssize_t)(counts->bucket_count * sizeof(int64_t)));
}

static PyMethodDef engine_methods[] = {
    {"add_request", engine_add_request, METH_VARARGS,
     "Add a request; its number is the count of those before it."},
    {"set_deck", engine_set_deck, METH_O,
     "Set the order in which requests are sent, over and over: their numbers as uint32."},
    {"feed", engine_feed, METH_VARARGS, "Add due times (int64, ns), and whether more will follow."},
    {"turn", engine_turn_once, METH_O,
     "Run until this time (ns); true while there is something left to do."},
    {"look", engine_look, METH_NOARGS,
     "Drop connections that were closed while idle; how many are missing, how many were closed."},
    {"adopt", engine_adopt, METH_O,
     "Use a connected socket, given by its number, for a missing connection."},
    {"slice", engine_slice, METH_VARARGS,
     "Begin a slice: most requests, most time (ns), place in the deck; run until a time (ns)."},
    {"sliced", engine_sliced, METH_NOARGS,
     "Of the last slice: begin, last sending, end; reconnects, most in flight; moments (int64)."},
    {"stop", engine_stop, METH_NOARGS, "End the run within 100 ms; from any thread."},
    {"close", engine_close, METH_NOARGS, "End the window if it is open, and close every socket."},
    {"histogram", engine_histogram, METH_VARARGS,
     "The counts, the least and the greatest value (ns) of a histogram."},
    {"route", engine_route, METH_VARARGS,
     "How many requests of a route were due, and the histogram of one of its slices."},
    {"totals", engine_totals, METH_NOARGS, "All counts, by name."},
    {"tables", engine_tables, METH_NOARGS,
     "Correct responses to each request, counts of statuses, correct responses in each 50 ms."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot engine_slots[] = {{Py_tp_new, engine_new},
                                     {Py_tp_dealloc, engine_dealloc},
                                     {Py_tp_methods, engine_methods},
                                     {0, NULL}};

static PyType_Spec engine_spec = {"whichworker.load._native.Engine", sizeof(EngineObject), 0,
                                  Py_TPFLAGS_DEFAULT, engine_slots};

/* Parser: for the tests that compare it with the one in Python. */

static PyObject *parser_new(PyTypeObject *type, PyObject *args, PyObject *words) {
    static char *names[] = {"to_head_request", "body_limit", "expected", "kept", "memory", NULL};
    int to_head_request = 0;
    long long limit = BODY_LIMIT_BYTES;
    PyObject *expected = NULL;
    unsigned long long kept = SIZE_MAX, memory = SIZE_MAX;
    if (!PyArg_ParseTupleAndKeywords(args, words, "|pLSKK", names, &to_head_request, &limit,
                                     &expected, &kept, &memory)) {
        return NULL;
    }
    ParserObject *self = (ParserObject *)allocate(type);
    if (self == NULL) { return NULL; }
    Bytes body = {.at = expected != NULL ? PyBytes_AsString(expected) : NULL,
                  .size = expected != NULL ? (size_t)PyBytes_Size(expected) : 0};
    self->expected = Py_XNewRef(expected);
    self->memory.left = memory;
    parser_init(&self->parser, &self->memory);
    parser_reset(&self->parser, to_head_request, limit, &body, kept);
    return (PyObject *)self;
}

static void parser_dealloc(PyObject *object) {
    parser_free(&((ParserObject *)object)->parser);
    Py_XDECREF(((ParserObject *)object)->expected);
    release_object(object);
}

static PyObject *show_state(const Parser *parser) {
    static const char *const states[] = {"more", "done", "refused", "truncated", "no memory"};
    return Py_BuildValue("s", states[parser->state]);
}

static PyObject *parser_feed_bytes(PyObject *object, PyObject *argument) {
    Parser *parser = &((ParserObject *)object)->parser;
    char *at;
    Py_ssize_t size;
    if (PyBytes_AsStringAndSize(argument, &at, &size) != 0) { return NULL; }
    parser_feed(parser, at, (size_t)size);
    return show_state(parser);
}

static PyObject *parser_finish_bytes(PyObject *object, PyObject *Py_UNUSED(ignored)) {
    Parser *parser = &((ParserObject *)object)->parser;
    parser_finish(parser);
    return show_state(parser);
}

static PyObject *parser_response(PyObject *object, PyObject *Py_UNUSED(ignored)) {
    static const char *const framings[] = {"none", "length", "chunked", "close"};
    const Parser *parser = &((ParserObject *)object)->parser;
    PyObject *body = copy_body(parser);
    if (body == NULL) { return NULL; }
    return Py_BuildValue("(iy#NsNn)", parser->status, parser->head.at ? parser->head.at : "",
                         (Py_ssize_t)parser->head.size, body, framings[parser->framing],
                         PyBool_FromLong(parser->keep_alive), (Py_ssize_t)parser->leftover);
}

static PyMethodDef parser_methods[] = {
    {"feed", parser_feed_bytes, METH_O, "Take more bytes; return the state."},
    {"finish", parser_finish_bytes, METH_NOARGS,
     "Take the end of the connection; return the state."},
    {"response", parser_response, METH_NOARGS,
     "Status, head block, body, framing, keep-alive, and how many bytes came after the end."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot parser_slots[] = {{Py_tp_new, parser_new},
                                     {Py_tp_dealloc, parser_dealloc},
                                     {Py_tp_methods, parser_methods},
                                     {0, NULL}};

static PyType_Spec parser_spec = {"whichworker.load._native.Parser", sizeof(ParserObject), 0,
                                  Py_TPFLAGS_DEFAULT, parser_slots};

/* The module. */

static int add_type(PyObject *module, PyType_Spec *spec) {
    PyObject *type = PyType_FromModuleAndSpec(module, spec, NULL);
    int code = type != NULL ? PyModule_AddType(module, (PyTypeObject *)type) : -1;
    Py_XDECREF(type);
    return code;
}

static int module_exec(PyObject *module) {
    if (add_type(module, &engine_spec) != 0 || add_type(module, &parser_spec) != 0) { return -1; }
    return PyModule_AddIntConstant(module, "SLOTS", SLOTS);
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, module_exec}, {0, NULL}};

static struct PyModuleDef module_definition = {
    PyModuleDef_HEAD_INIT, .m_name = "whichworker.load._native", .m_doc = "The native load engine.",
    .m_slots = module_slots};

PyMODINIT_FUNC PyInit__native(void) { return PyModuleDef_Init(&module_definition); }
