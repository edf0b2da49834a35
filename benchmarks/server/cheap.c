/* The cheapest server: one thread, one epoll, one recv and send per request, the same response.
 *
 *     cheap [-c CORE] [-p PORT]
 *
 * It prints its port on stdout and runs until SIGTERM. A client that does not read is cut off.
 */
#include "common.h"

static uint8_t matched[MOST_FDS];

static void accept_all(int epoll, int listener)
{
    int fd;
    while ((fd = accept_one(listener)) >= 0) {
        matched[fd] = 0;
        watch_for_input(epoll, fd);
    }
}

static void answer(int fd, char *buffer)
{
    ssize_t got = recv(fd, buffer, READ_BYTES, 0);
    if (got <= 0) {
        if (got == 0 || errno != EAGAIN)
            close(fd);
        return;
    }
    for (size_t left = count_ends(buffer, (size_t)got, &matched[fd]); left > 0; left--) {
        if (send(fd, ANSWER, ANSWER_BYTES, MSG_NOSIGNAL) != (ssize_t)ANSWER_BYTES) {
            close(fd);
            return;
        }
    }
}

int main(int count, char **words)
{
    static char buffer[READ_BYTES];
    struct epoll_event events[MOST_EVENTS];
    int option, core = -1, port = 0;

    while ((option = getopt(count, words, "c:p:")) != -1) {
        if (option == 'c')
            core = atoi(optarg);
        else if (option == 'p')
            port = atoi(optarg);
        else
            return 2;
    }
    obey_signals();
    pin_to_core(core);
    allow_many_sockets();
    int listener = listen_on(port);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    watch_for_input(epoll, listener);
    while (!stopping) {
        int ready = epoll_wait(epoll, events, MOST_EVENTS, -1);
        for (int at = 0; at < ready; at++) {
            if (events[at].data.fd == listener)
                accept_all(epoll, listener);
            else
                answer(events[at].data.fd, buffer);
        }
    }
    return 0;
}
