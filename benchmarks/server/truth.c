/* A server with known delays: it logs the arrival of each request and the time of its response.
 *
 *     truth -m constant|bimodal|heavy|frozen [-c CORE] [-p PORT] [-s SEED] [-l LOG]
 *
 *     constant  every response after 5 ms
 *     bimodal   four of five after 2 ms, the others after 40 ms
 *     heavy     Pareto: at least 2 ms, exponent 1.2 (median 3.6 ms, p99 93 ms), at most 1 s
 *     frozen    at once, but in the last second of every five nothing is read or sent
 *
 * LOG is written at SIGTERM: three native 64-bit numbers a request, CLOCK_MONOTONIC ns of the
 * arrival, ns of the planned delay, CLOCK_MONOTONIC ns after the response was written; in the order
 * of writing. The arrival is the kernel's: the time that a busy machine takes to wake the server is
 * the server's time, too. A delay begins when the request is read.
 */
#include "common.h"

#include <math.h>
#include <sys/syscall.h>

#define MOST_RECORDS 20000000
#define PERIOD_NS (5 * SECOND_NS)
#define THAWED_NS (4 * SECOND_NS)

enum mode { CONSTANT, BIMODAL, HEAVY, FROZEN, MODES };
static const char *const MODE_NAMES[MODES] = {"constant", "bimodal", "heavy", "frozen"};

struct record {
    int64_t arrived_ns, delay_ns, written_ns;
};

struct timer {
    int64_t due_ns;
    struct record record;
    int fd;
    uint32_t generation; /* of the connection: a new one may have got its number meanwhile */
};

struct connection {
    uint32_t generation;
    uint8_t matched, pending;
};

static struct connection connections[MOST_FDS];
static struct timer timers[MOST_FDS]; /* a binary heap by due_ns; at most one per connection */
static size_t timer_count;
static struct record *records;
static size_t record_count, record_room;
static uint64_t random_state;
static enum mode mode;
static int64_t first_ns;

/* SplitMix64 (Steele, Lea and Flood 2014): a seed gives the same delays everywhere. In (0, 1]. */
static double draw_uniform(void)
{
    uint64_t z = (random_state += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return (double)(((z ^ (z >> 31)) >> 11) + 1) * 0x1p-53;
}

static int64_t draw_delay(void)
{
    double seconds = 0;
    if (mode == CONSTANT)
        seconds = 5e-3;
    else if (mode == BIMODAL)
        seconds = draw_uniform() <= 0.8 ? 2e-3 : 40e-3;
    else if (mode == HEAVY)
        seconds = fmin(1.0, 2e-3 * pow(draw_uniform(), -1 / 1.2));
    return (int64_t)(seconds * 1e9);
}

static void push_timer(struct timer timer)
{
    if (timer_count == MOST_FDS) { /* timers of connections that are gone count too */
        fprintf(stderr, "too many requests at a time\n");
        exit(2);
    }
    size_t at = timer_count++;
    while (at > 0 && timers[(at - 1) / 2].due_ns > timer.due_ns) {
        timers[at] = timers[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    timers[at] = timer;
}

static struct timer pop_timer(void)
{
    struct timer first = timers[0], last = timers[--timer_count];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < timer_count; at = child) {
        if (child + 1 < timer_count && timers[child + 1].due_ns < timers[child].due_ns)
            child++;
        if (last.due_ns <= timers[child].due_ns)
            break;
        timers[at] = timers[child];
    }
    timers[at] = last;
    return first;
}

static void keep(struct record record)
{
    if (record_count == record_room) {
        record_room = record_room ? 2 * record_room : 1 << 16;
        if (record_room > 2 * MOST_RECORDS ||
            !(records = realloc(records, record_room * sizeof *records))) {
            fprintf(stderr, "too many requests for the log\n");
            exit(2);
        }
    }
    records[record_count++] = record;
}

static void drop(int fd)
{
    connections[fd].generation++;
    connections[fd].pending = 0;
    close(fd);
}

static void answer(int fd, struct record record)
{
    if (send(fd, ANSWER, ANSWER_BYTES, MSG_NOSIGNAL) != (ssize_t)ANSWER_BYTES) {
        drop(fd);
        return;
    }
    record.written_ns = monotonic_ns();
    keep(record);
}

/* Respond at once, or set a timer; a second request before the first response is an error. */
static void take_request(int fd, int64_t arrived, int64_t now)
{
    struct record record = {.arrived_ns = arrived, .delay_ns = draw_delay()};
    if (first_ns == 0)
        first_ns = now;
    if (record.delay_ns == 0) {
        answer(fd, record);
        return;
    }
    connections[fd].pending = 1;
    push_timer((struct timer){now + record.delay_ns, record, fd, connections[fd].generation});
}

/* When the kernel had these bytes, on our clock; now if it gives no time (before the accept). */
static int64_t arrival(struct msghdr *message, int64_t now)
{
    struct timespec stamp, clock;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part != NULL;
         part = CMSG_NXTHDR(message, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_TIMESTAMPNS)
            continue;
        memcpy(&stamp, CMSG_DATA(part), sizeof stamp);
        clock_gettime(CLOCK_REALTIME, &clock);
        int64_t ago =
            (int64_t)(clock.tv_sec - stamp.tv_sec) * SECOND_NS + clock.tv_nsec - stamp.tv_nsec;
        return ago > 0 ? now - ago : now;
    }
    return now;
}

static void read_from(int fd, char *buffer)
{
    struct connection *connection = &connections[fd];
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct timespec))];
    struct iovec whole = {buffer, READ_BYTES};
    struct msghdr message = {.msg_iov = &whole,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    ssize_t got = recvmsg(fd, &message, 0);
    int64_t now = monotonic_ns();
    if (got < 0 && errno == EAGAIN)
        return;
    size_t ends = got > 0 ? count_ends(buffer, (size_t)got, &connection->matched) : 0;
    if (got <= 0 || ends > 1 || (ends == 1 && connection->pending))
        drop(fd);
    else if (ends == 1)
        take_request(fd, arrival(&message, now), now);
}

static void accept_all(int epoll, int listener)
{
    int fd, one = 1;
    while ((fd = accept_one(listener)) >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one);
        connections[fd].matched = connections[fd].pending = 0;
        watch_for_input(epoll, fd);
    }
}

static void answer_due(void)
{
    while (timer_count > 0 && timers[0].due_ns <= monotonic_ns()) {
        struct timer timer = pop_timer();
        if (connections[timer.fd].generation != timer.generation)
            continue;
        connections[timer.fd].pending = 0;
        answer(timer.fd, timer.record);
    }
}

/* Sleep out the frozen part of the period we are in, whatever waits. */
static void freeze(void)
{
    int64_t now = monotonic_ns(), phase = first_ns ? (now - first_ns) % PERIOD_NS : 0;
    if (mode != FROZEN || phase < THAWED_NS)
        return;
    int64_t thaw = now - phase + PERIOD_NS;
    struct timespec until = {.tv_sec = thaw / SECOND_NS, .tv_nsec = thaw % SECOND_NS};
    while (!stopping && clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
        continue;
}

static int wait_for_events(int epoll, struct epoll_event *events)
{
    struct timespec timeout = {0, 0}, *given = NULL;
    int64_t left = timer_count > 0 ? timers[0].due_ns - monotonic_ns() : 0;
    if (timer_count > 0)
        given = &timeout;
    if (timer_count > 0 && left > 0) {
        timeout.tv_sec = left / SECOND_NS;
        timeout.tv_nsec = left % SECOND_NS;
    }
    /* By number: many C libraries lack the wrapper, and milliseconds are too coarse here. */
    return (int)syscall(SYS_epoll_pwait2, epoll, events, MOST_EVENTS, given, NULL, (size_t)0);
}

static void serve(int epoll, int listener)
{
    static char buffer[READ_BYTES];
    struct epoll_event events[MOST_EVENTS];
    while (!stopping) {
        int ready = wait_for_events(epoll, events);
        if (ready < 0 && errno != EINTR)
            die("cannot wait for events");
        for (int at = 0; at < ready; at++) {
            freeze(); /* between events too: no response of a batch may come in the frozen second */
            if (events[at].data.fd == listener)
                accept_all(epoll, listener);
            else
                read_from(events[at].data.fd, buffer);
            answer_due();
        }
        answer_due();
    }
}

static void write_log(const char *path)
{
    FILE *log = fopen(path, "wb");
    if (log == NULL || fwrite(records, sizeof *records, record_count, log) != record_count ||
        fclose(log) != 0)
        die("cannot write the log");
}

static enum mode mode_of(const char *name)
{
    for (int at = 0; at < MODES; at++)
        if (strcmp(name, MODE_NAMES[at]) == 0)
            return (enum mode)at;
    fprintf(stderr, "no such mode: %s\n", name);
    exit(2);
}

int main(int count, char **words)
{
    const char *log = NULL;
    int option, core = -1, port = 0;

    mode = MODES;
    while ((option = getopt(count, words, "c:p:m:s:l:")) != -1) {
        if (option == 'c')
            core = atoi(optarg);
        else if (option == 'p')
            port = atoi(optarg);
        else if (option == 'm')
            mode = mode_of(optarg);
        else if (option == 's')
            random_state = strtoull(optarg, NULL, 10);
        else if (option == 'l')
            log = optarg;
        else
            return 2;
    }
    if (mode == MODES) {
        fprintf(stderr, "which mode? -m constant|bimodal|heavy|frozen\n");
        return 2;
    }
    obey_signals();
    prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
    pin_to_core(core);
    allow_many_sockets();
    int listener = listen_on(port);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    watch_for_input(epoll, listener);
    serve(epoll, listener);
    if (log != NULL)
        write_log(log);
    return 0;
}
