/* The Python face of the engine and of the parser: CPython's limited API only, so that one build serves every version. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"

typedef struct {
    PyObject_HEAD
    Engine engine;
    PyObject *judge;
    PyObject *fail;
    PyThreadState *saved; /* while the engine runs without the lock of the interpreter */
} EngineObject;

typedef struct {
    PyObject_HEAD
    Parser parser;
    bool to_head_request;
} ParserObject;

static PyObject *allocate(PyTypeObject *type) { return PyType_GenericAlloc(type, 0); }

static void release_object(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

/* What the engine asks of Python. The thread that runs it takes the interpreter's lock back for as long as that lasts. */

static bool owner_judge(void *self, uint32_t ask, const Parser *parser, bool *right) {
    EngineObject *owner = self;
    PyEval_RestoreThread(owner->saved);
    PyObject *verdict = PyObject_CallFunction(owner->judge, "Iy#y#", ask, parser->head.at, (Py_ssize_t)parser->head.size,
                                              parser->body.at ? parser->body.at : "", (Py_ssize_t)parser->body.size);
    int truth = verdict != NULL ? PyObject_IsTrue(verdict) : -1;
    Py_XDECREF(verdict);
    owner->saved = PyEval_SaveThread();
    *right = truth > 0;
    return truth >= 0;
}

static bool owner_fail(void *self, const char *kind, uint32_t ask, const char *text, const char *seen, size_t seen_size) {
    EngineObject *owner = self;
    PyEval_RestoreThread(owner->saved);
    PyObject *done = PyObject_CallFunction(owner->fail, "sIsy#", kind, ask, text, seen, (Py_ssize_t)seen_size);
    bool good = done != NULL;
    Py_XDECREF(done);
    owner->saved = PyEval_SaveThread();
    return good;
}

/* Engine. */

static bool read_peer(Plan *plan, const char *host, unsigned short port, const char *path, Py_ssize_t path_size) {
    struct sockaddr_in *v4 = (struct sockaddr_in *)&plan->peer;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&plan->peer;
    struct sockaddr_un *local = (struct sockaddr_un *)&plan->peer;
    if (path_size > 0) {
        if ((size_t)path_size >= sizeof local->sun_path) {
            PyErr_SetString(PyExc_ValueError, "the path of a Unix socket is at most 107 bytes long");
            return false;
        }
        local->sun_family = AF_UNIX;
        memcpy(local->sun_path, path, (size_t)path_size);
        plan->peer_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)path_size + 1);
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
    bool good = plan->connections > 0 && (plan->closes > plan->opens || plan->keep);
    if (!good) {
        PyErr_SetString(PyExc_ValueError, "an engine needs a connection and a window");
    }
    return good;
}

static bool read_plan(Plan *plan, EngineObject *self, PyObject *args, PyObject *words) {
    static char *names[] = {"host",  "port",    "path",   "address", "connections", "begins", "opens",  "closes",  "stagger", "deadline",
                            "limit", "flood",   "backlog", "spin",   "stamps",      "timerfd", "keep",  "judge",   "fail",  NULL};
    const char *host, *path, *address;
    Py_ssize_t path_size;
    unsigned short port;
    long long begins, opens, closes, stagger, deadline, limit, flood, backlog;
    int spin, stamps, timerfd, keep;
    if (!PyArg_ParseTupleAndKeywords(args, words, "$sHs#sILLLLLLLLppppOO", names, &host, &port, &path, &path_size, &address,
                                     &plan->connections, &begins, &opens, &closes, &stagger, &deadline, &limit, &flood, &backlog,
                                     &spin, &stamps, &timerfd, &keep, &self->judge, &self->fail)) {
        self->judge = self->fail = NULL; /* borrowed */
        return false;
    }
    Py_INCREF(self->judge);
    Py_INCREF(self->fail);
    plan->begins = begins;
    plan->opens = opens;
    plan->closes = closes;
    plan->stagger = stagger;
    plan->deadline = deadline;
    plan->limit = limit < 0 ? NEVER : limit;
    plan->flood = flood < 0 ? NEVER : flood;
    plan->backlog = backlog;
    plan->spin = spin;
    plan->stamps = stamps;
    plan->timerfd = timerfd;
    plan->keep = keep;
    strncpy(plan->address, address, sizeof plan->address - 1);
    return check_plan(plan) && read_peer(plan, host, port, path, path_size);
}

static PyObject *engine_new(PyTypeObject *type, PyObject *args, PyObject *words) {
    EngineObject *self = (EngineObject *)allocate(type);
    Plan plan = {0};
    if (self == NULL) {
        return NULL;
    }
    self->engine.epoll = self->engine.timer = -1;
    if (!read_plan(&plan, self, args, words)) {
        Py_DECREF(self);
        return NULL;
    }
    self->engine.owner = (Owner){self, owner_judge, owner_fail};
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
    if (PyBytes_AsStringAndSize(object, &at, &size) != 0) {
        return false;
    }
    if (!bytes_set(bytes, at, (size_t)size)) {
        PyErr_NoMemory();
        return false;
    }
    return true;
}

static bool take_contained(Ask *ask, PyObject *texts) {
    Py_ssize_t count = PyTuple_Size(texts);
    ask->contains = count > 0 ? calloc((size_t)count, sizeof *ask->contains) : NULL;
    if (count > 0 && ask->contains == NULL) {
        PyErr_NoMemory();
        return false;
    }
    for (Py_ssize_t at = 0; at < count; at++) {
        ask->contained++;
        if (!take_bytes(&ask->contains[at], PyTuple_GetItem(texts, at))) {
            return false;
        }
    }
    return true;
}

static PyObject *engine_add_ask(PyObject *object, PyObject *args) {
    Engine *engine = &((EngineObject *)object)->engine;
    Ask ask = {0};
    PyObject *wire, *body, *texts;
    int head_request, by_head, by_body;
    if (!PyArg_ParseTuple(args, "SpiOO!pp", &wire, &head_request, &ask.status, &body, &PyTuple_Type, &texts, &by_head, &by_body)) {
        return NULL;
    }
    ask.head_request = head_request;
    ask.by_head = by_head;
    ask.by_body = by_body;
    ask.has_body = body != Py_None;
    Ask *asks = realloc(engine->asks, (engine->ask_count + 1) * sizeof *asks);
    if (asks == NULL) {
        return PyErr_NoMemory();
    }
    engine->asks = asks;
    if (!take_bytes(&ask.wire, wire) || (ask.has_body && !take_bytes(&ask.body, body)) || !take_contained(&ask, texts)) {
        ask_free(&ask);
        return NULL;
    }
    asks[engine->ask_count++] = ask;
    Py_RETURN_NONE;
}

static bool deck_is_sound(const Engine *engine, const char *at, size_t count) {
    for (size_t place = 0; place < count; place++) {
        uint32_t ask;
        memcpy(&ask, at + place * sizeof ask, sizeof ask);
        if (ask >= engine->ask_count) {
            return false;
        }
    }
    return count > 0;
}

static PyObject *engine_set_deck(PyObject *object, PyObject *argument) {
    Engine *engine = &((EngineObject *)object)->engine;
    char *at;
    Py_ssize_t size;
    if (PyBytes_AsStringAndSize(argument, &at, &size) != 0) {
        return NULL;
    }
    size_t count = (size_t)size / sizeof(uint32_t);
    if (!deck_is_sound(engine, at, count)) {
        PyErr_SetString(PyExc_ValueError, "a deck holds the numbers of requests that were added");
        return NULL;
    }
    uint32_t *deck = malloc(count * sizeof *deck);
    if (deck == NULL) {
        return PyErr_NoMemory();
    }
    memcpy(deck, at, count * sizeof *deck);
    free(engine->deck);
    engine->deck = deck;
    engine->deck_size = count;
    engine->deck_at = 0;
    Py_RETURN_NONE;
}

static PyObject *engine_feed(PyObject *object, PyObject *args) {
    Engine *engine = &((EngineObject *)object)->engine;
    Py_buffer due;
    int more;
    if (!PyArg_ParseTuple(args, "y*p", &due, &more)) {
        return NULL;
    }
    bool good = arrivals_feed(&engine->arrivals, due.buf, (size_t)due.len / sizeof(int64_t), more);
    PyBuffer_Release(&due);
    if (!good) {
        return PyErr_NoMemory();
    }
    Py_RETURN_NONE;
}

static PyObject *engine_ahead(PyObject *object, PyObject *ignored) {
    const Arrivals *arrivals = &((EngineObject *)object)->engine.arrivals;
    (void)ignored;
    long long last = arrivals->tail > 0 ? arrivals->ring[(arrivals->tail - 1) & arrivals->mask] : 0;
    return Py_BuildValue("KL", (unsigned long long)(arrivals->tail - arrivals->read), last);
}

static PyObject *raise_broken(const Engine *engine) {
    if (PyErr_Occurred()) {
        return NULL;
    }
    if (strcmp(engine->broken, "out of memory") == 0) {
        return PyErr_NoMemory();
    }
    PyObject *values = Py_BuildValue("is", engine->broken_code, engine->broken);
    if (values != NULL) {
        PyErr_SetObject(PyExc_OSError, values);
        Py_DECREF(values);
    }
    return NULL;
}

static PyObject *turn_until(EngineObject *self, int64_t until) {
    if (self->saved != NULL || self->engine.ask_count == 0 || self->engine.epoll < 0) {
        PyErr_SetString(PyExc_RuntimeError, "an engine without requests, ended, or in a turn already");
        return NULL;
    }
    self->saved = PyEval_SaveThread();
    bool goes_on = engine_turn(&self->engine, until);
    PyThreadState *saved = self->saved;
    PyEval_RestoreThread(saved);
    self->saved = NULL;
    return self->engine.broken != NULL ? raise_broken(&self->engine) : PyBool_FromLong(goes_on);
}

static PyObject *engine_turn_once(PyObject *object, PyObject *argument) {
    long long until = PyLong_AsLongLong(argument);
    return until == -1 && PyErr_Occurred() ? NULL : turn_until((EngineObject *)object, until);
}

/* Slices. */

static bool can_slice(EngineObject *self) {
    bool good = self->saved == NULL && self->engine.plan.keep && self->engine.epoll >= 0;
    if (!good) {
        PyErr_SetString(PyExc_RuntimeError, "an engine that keeps no connections, ended, or in a turn");
    }
    return good;
}

static PyObject *engine_look(PyObject *object, PyObject *ignored) {
    EngineObject *self = (EngineObject *)object;
    (void)ignored;
    if (!can_slice(self)) {
        return NULL;
    }
    self->saved = PyEval_SaveThread();
    uint32_t missing = slice_look(&self->engine);
    PyThreadState *saved = self->saved;
    PyEval_RestoreThread(saved);
    self->saved = NULL;
    return self->engine.broken != NULL ? raise_broken(&self->engine) : Py_BuildValue("IL", missing, (long long)self->engine.lost);
}

static PyObject *engine_adopt(PyObject *object, PyObject *argument) {
    EngineObject *self = (EngineObject *)object;
    long fd = PyLong_AsLong(argument);
    if ((fd == -1 && PyErr_Occurred()) || !can_slice(self)) {
        return NULL;
    }
    if (fd < 0 || fd > INT_MAX || !slice_adopt(&self->engine, (int)fd)) {
        PyErr_SetString(PyExc_ValueError, "no connection is missing");
        return NULL;
    }
    return self->engine.broken != NULL ? raise_broken(&self->engine) : Py_NewRef(Py_None);
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
    return slice_begin(&self->engine, limit, most, start) ? turn_until(self, until) : PyErr_NoMemory();
}

static PyObject *engine_sliced(PyObject *object, PyObject *ignored) {
    const Engine *engine = &((EngineObject *)object)->engine;
    const Slice *slice = &engine->slice;
    (void)ignored;
    if (!can_slice((EngineObject *)object)) {
        return NULL;
    }
    return Py_BuildValue("LLLLLy#", (long long)slice->began, (long long)slice->stopped, (long long)slice->ended,
                         (long long)engine->counts.reconnects, (long long)engine->counts.most_in_flight,
                         slice->times ? (const char *)slice->times : "", (Py_ssize_t)(slice->done * sizeof(int64_t)));
}

static PyObject *engine_stop(PyObject *object, PyObject *ignored) {
    (void)ignored;
    __atomic_store_n(&((EngineObject *)object)->engine.stop, 1, __ATOMIC_RELAXED);
    Py_RETURN_NONE;
}

static PyObject *engine_close(PyObject *object, PyObject *ignored) {
    EngineObject *self = (EngineObject *)object;
    (void)ignored;
    if (self->saved != NULL) {
        PyErr_SetString(PyExc_RuntimeError, "an engine cannot be closed in its turn");
        return NULL;
    }
    engine_end(&self->engine);
    Py_RETURN_NONE;
}

static Histogram *find_histogram(Counts *counts, const char *name, unsigned slice) {
    const struct {
        const char *name;
        Histogram *histogram;
    } all[] = {{"service", &counts->service},       {"send_lag", &counts->send_lag}, {"receive_delay", &counts->receive_delay},
               {"blocked", &counts->blocked},       {"sending", &counts->sending},   {"connecting", &counts->connecting},
               {"receiving", &counts->receiving},   {"waiting", &counts->waiting},   {"whole", &counts->whole[slice]}};
    for (size_t at = 0; at < sizeof all / sizeof *all; at++) {
        if (strcmp(all[at].name, name) == 0) {
            return all[at].histogram;
        }
    }
    return NULL;
}

static PyObject *engine_histogram(PyObject *object, PyObject *args) {
    Engine *engine = &((EngineObject *)object)->engine;
    const char *name;
    unsigned slice = 0;
    if (!PyArg_ParseTuple(args, "s|I", &name, &slice)) {
        return NULL;
    }
    Histogram *histogram = slice < MOST_SLICES ? find_histogram(&engine->counts, name, slice) : NULL;
    if (histogram == NULL || histogram->counts == NULL) {
        PyErr_SetString(PyExc_KeyError, name);
        return NULL;
    }
    return Py_BuildValue("y#LL", (const char *)histogram->counts, (Py_ssize_t)(SLOTS * sizeof(int64_t)), (long long)histogram->least,
                         (long long)histogram->most);
}

static PyObject *engine_totals(PyObject *object, PyObject *ignored) {
    const Engine *engine = &((EngineObject *)object)->engine;
    const Counts *counts = &engine->counts;
    (void)ignored;
    return Py_BuildValue("{sL sL sL sL sL sL sL sL sL sL sL sL sL sL sL}", "requests", (long long)counts->requests, "attempts",
                         (long long)counts->attempts, "scheduled", (long long)counts->scheduled, "dropped", (long long)counts->dropped,
                         "most_backlog", (long long)counts->most_backlog, "most_in_flight", (long long)counts->most_in_flight, "flight_ns",
                         (long long)counts->flight_ns, "reconnects", (long long)counts->reconnects, "received",
                         (long long)counts->received, "sent", (long long)counts->sent, "total_right", (long long)counts->total_right,
                         "failures", (long long)counts->failures, "closes", (long long)engine->plan.closes, "slice_width",
                         (long long)counts->slice_width, "last", (long long)counts->last);
}

static PyObject *engine_tables(PyObject *object, PyObject *ignored) {
    const Engine *engine = &((EngineObject *)object)->engine;
    const Counts *counts = &engine->counts;
    (void)ignored;
    PyObject *asks = PyList_New(0);
    for (uint32_t at = 0; asks != NULL && at < engine->ask_count; at++) {
        PyObject *pair = Py_BuildValue("LL", (long long)engine->asks[at].right, (long long)engine->asks[at].total_right);
        if (pair == NULL || PyList_Append(asks, pair) != 0) {
            Py_CLEAR(asks);
        }
        Py_XDECREF(pair);
    }
    if (asks == NULL) {
        return NULL;
    }
    return Py_BuildValue("Ny#y#", asks, (const char *)counts->statuses, (Py_ssize_t)sizeof counts->statuses, (const char *)counts->buckets,
                         (Py_ssize_t)(counts->bucket_count * sizeof(int64_t)));
}

static PyMethodDef engine_methods[] = {
    {"add_ask", engine_add_ask, METH_VARARGS, "Add a request; its number is the count of those before it."},
    {"set_deck", engine_set_deck, METH_O, "The numbers of requests in the order in which they are asked, uint32, over and over."},
    {"feed", engine_feed, METH_VARARGS, "Add due times (int64, ns), and whether more will follow."},
    {"ahead", engine_ahead, METH_NOARGS, "How many arrivals are to come, and when the last is due (ns)."},
    {"turn", engine_turn_once, METH_O, "Run until this time (ns); true while there is something left to do."},
    {"look", engine_look, METH_NOARGS, "Drop what was closed while idle: how many connections are missing, how many were closed."},
    {"adopt", engine_adopt, METH_O, "Take over a connected socket, by its number, for a connection that is missing."},
    {"slice", engine_slice, METH_VARARGS, "Begin so many requests within so long (ns), from a place in the deck, and turn until then."},
    {"sliced", engine_sliced, METH_NOARGS, "Of the last slice: begin, last sending, end; reconnects, most in flight; times (int64)."},
    {"stop", engine_stop, METH_NOARGS, "End the run at the next look, within 100 ms; from any thread."},
    {"close", engine_close, METH_NOARGS, "End the window if it is open, and close every socket."},
    {"histogram", engine_histogram, METH_VARARGS, "The counts, the least and the greatest value (ns) of a histogram."},
    {"totals", engine_totals, METH_NOARGS, "What was counted, by name."},
    {"tables", engine_tables, METH_NOARGS, "Right answers of each request, counts of statuses, right answers of each 50 ms."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot engine_slots[] = {
    {Py_tp_new, engine_new}, {Py_tp_dealloc, engine_dealloc}, {Py_tp_methods, engine_methods}, {0, NULL}};

static PyType_Spec engine_spec = {"whichworker.load._native.Engine", sizeof(EngineObject), 0, Py_TPFLAGS_DEFAULT, engine_slots};

/* Parser: for the tests that hold it against the one in Python. */

static PyObject *parser_new(PyTypeObject *type, PyObject *args, PyObject *words) {
    static char *names[] = {"to_head_request", "body_limit", NULL};
    int to_head_request = 0;
    long long limit = BODY_LIMIT_BYTES;
    if (!PyArg_ParseTupleAndKeywords(args, words, "|pL", names, &to_head_request, &limit)) {
        return NULL;
    }
    ParserObject *self = (ParserObject *)allocate(type);
    if (self != NULL) {
        parser_reset(&self->parser, to_head_request, limit);
    }
    return (PyObject *)self;
}

static void parser_dealloc(PyObject *object) {
    parser_free(&((ParserObject *)object)->parser);
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
    if (PyBytes_AsStringAndSize(argument, &at, &size) != 0) {
        return NULL;
    }
    parser_feed(parser, at, (size_t)size);
    return show_state(parser);
}

static PyObject *parser_finish_bytes(PyObject *object, PyObject *ignored) {
    Parser *parser = &((ParserObject *)object)->parser;
    (void)ignored;
    parser_finish(parser);
    return show_state(parser);
}

static PyObject *parser_answer(PyObject *object, PyObject *ignored) {
    static const char *const framings[] = {"none", "length", "chunked", "close"};
    const Parser *parser = &((ParserObject *)object)->parser;
    (void)ignored;
    return Py_BuildValue("(iy#y#sNn)", parser->status, parser->head.at ? parser->head.at : "", (Py_ssize_t)parser->head.size,
                         parser->body.at ? parser->body.at : "", (Py_ssize_t)parser->body.size, framings[parser->framing],
                         PyBool_FromLong(parser->keep_alive), (Py_ssize_t)parser->leftover);
}

static PyObject *parser_error(PyObject *object, PyObject *ignored) {
    const Parser *parser = &((ParserObject *)object)->parser;
    (void)ignored;
    return Py_BuildValue("sy#", parser->error ? parser->error : "", parser->seen, (Py_ssize_t)parser->seen_size);
}

static PyMethodDef parser_methods[] = {
    {"feed", parser_feed_bytes, METH_O, "Take more bytes; the state."},
    {"finish", parser_finish_bytes, METH_NOARGS, "Take the end of the connection; the state."},
    {"answer", parser_answer, METH_NOARGS, "Status, head block, body, framing, keep-alive, and how many bytes came after the end."},
    {"error", parser_error, METH_NOARGS, "What is wrong, and the bytes to show."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot parser_slots[] = {
    {Py_tp_new, parser_new}, {Py_tp_dealloc, parser_dealloc}, {Py_tp_methods, parser_methods}, {0, NULL}};

static PyType_Spec parser_spec = {"whichworker.load._native.Parser", sizeof(ParserObject), 0, Py_TPFLAGS_DEFAULT, parser_slots};

/* The module. */

static int add_type(PyObject *module, PyType_Spec *spec) {
    PyObject *type = PyType_FromModuleAndSpec(module, spec, NULL);
    int code = type != NULL ? PyModule_AddType(module, (PyTypeObject *)type) : -1;
    Py_XDECREF(type);
    return code;
}

static int module_exec(PyObject *module) {
    if (add_type(module, &engine_spec) != 0 || add_type(module, &parser_spec) != 0) {
        return -1;
    }
    return PyModule_AddIntConstant(module, "SLOTS", SLOTS);
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, module_exec}, {0, NULL}};

static struct PyModuleDef module_definition = {
    PyModuleDef_HEAD_INIT, .m_name = "whichworker.load._native", .m_doc = "The native load engine.", .m_slots = module_slots};

PyMODINIT_FUNC PyInit__native(void) { return PyModuleDef_Init(&module_definition); }
