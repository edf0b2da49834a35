/* The parts of both servers: a clock, a core, a listening socket, and the ends of requests.
 *
 * They speak just enough HTTP/1.1 for a load generator: no bodies, keep-alive, one fixed response.
 * Everything is static and in one header, so each server is one file and one call of the compiler.
 */
#ifndef BENCHMARKS_SERVER_COMMON_H
#define BENCHMARKS_SERVER_COMMON_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MOST_FDS 65536
#define MOST_EVENTS 512
#define READ_BYTES 65536
#define LISTEN_BACKLOG 4096
#define SECOND_NS 1000000000LL

static const char ANSWER[] =
    "HTTP/1.1 200 OK\r\n"
    "Server: fixed\r\n"
    "Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
    "Content-Type: text/plain; charset=utf-8\r\n"
    "Content-Length: 5\r\n"
    "\r\n"
    "hello";
#define ANSWER_BYTES (sizeof(ANSWER) - 1)

static volatile sig_atomic_t stopping;

static inline int64_t monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * SECOND_NS + now.tv_nsec;
}

static void die(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(2);
}

static void on_stop(int number)
{
    (void)number;
    stopping = 1;
}

/* End with the parent process, and on SIGTERM or SIGINT after the current batch of events. */
static void obey_signals(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_stop; /* without SA_RESTART: the wait must return */
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
}

/* A negative core leaves the affinity as it is. */
static void pin_to_core(int core)
{
    cpu_set_t cores;
    if (core < 0)
        return;
    CPU_ZERO(&cores);
    CPU_SET((size_t)core, &cores);
    if (sched_setaffinity(0, sizeof cores, &cores) != 0)
        die("cannot be pinned to that core");
}

static void allow_many_sockets(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        die("cannot read the limit of open files");
    limit.rlim_cur = limit.rlim_max < MOST_FDS ? limit.rlim_max : MOST_FDS;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* Listen on the loopback at `port`, or at a free port if it is 0, and print the port on stdout. */
static int listen_on(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    socklen_t size = sizeof address;
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        die("no socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(fd, LISTEN_BACKLOG) != 0)
        die("cannot listen");
    if (getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        die("cannot read the port");
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

static void watch_for_input(int epoll, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        die("cannot watch a socket");
}

/* The next connection that waits, or -1 when there is none (or no room for it). */
static int accept_one(int listener)
{
    int one = 1;
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return -1;
    if (fd >= MOST_FDS) {
        close(fd);
        return -1;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

/* Count the requests that end in these bytes; `matched` is the part of a blank line before them. */
static size_t count_ends(const char *bytes, size_t size, uint8_t *matched)
{
    static const char BLANK[] = "\r\n\r\n";
    const char *at = bytes, *end = bytes + size;
    size_t found = 0;
    uint8_t seen = *matched;

    while (seen > 0 && at < end) { /* a blank line that was cut in two */
        seen = *at == BLANK[seen] ? (uint8_t)(seen + 1) : *at == '\r' ? 1 : 0;
        at++;
        if (seen == 4) {
            found++;
            seen = 0;
        }
    }
    for (const char *hit;
         at < end && (hit = memmem(at, (size_t)(end - at), BLANK, 4)) != NULL; at = hit + 4)
        found++;
    if (at < end) { /* what the rest ends with: at most three bytes of a blank line */
        for (seen = 3; seen > 0; seen--)
            if ((size_t)(end - at) >= seen && memcmp(end - seen, BLANK, seen) == 0)
                break;
    }
    *matched = seen;
    return found;
}

#endif
