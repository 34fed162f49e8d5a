/* SPDX-License-Identifier: Apache-2.0
 *
 * A listener's thread: accepts connections, and runs those whose sockets are ready or that another
 * thread woke.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "base/log.h"
#include "http/state.h"

enum {
    LOOP_EVENTS = 64,
    ACCEPTS_AT_ONCE = 64,
    FULL_MS = 50,
    PROBE_AFTER_S = 60, /* without data */
    PROBE_EACH_S = 15,
    PROBES_MOST = 4,
};

/* ---- connections that were woken ---- */

static struct http_connection *take_woken(struct http_loop *loop)
{
    HOLD(&loop->lock);
    struct http_connection *connection = loop->woken;
    if (connection) {
        loop->woken = connection->woken_next;
        connection->woken = false;
        connection->woken_next = NULL;
    }
    return connection;
}

/* Runs those that are woken now; one that wakes itself again waits for the next round. */
static void run_woken(struct http_loop *loop)
{
    size_t count = 0;
    {
        HOLD(&loop->lock);
        for (struct http_connection *at = loop->woken; at; at = at->woken_next) {
            count++;
        }
    }
    struct http_connection *connection = NULL;
    while (count-- > 0 && (connection = take_woken(loop))) {
        http_exchange_run(connection);
    }
    HOLD(&loop->lock);
    if (loop->woken) {
        uint64_t one = 1;
        (void)!write(loop->event_fd, &one, sizeof(one));
    }
}

/* ---- accepting ---- */

static bool has_room(struct http_loop *loop)
{
    struct http_server *server = loop->server;
    HOLD(&server->lock);
    return server->connections_count < server->config.connection_limit + HTTP_CONNECTION_SLACK;
}

/* Ignores the listening socket for a moment: it would be ready all the time. Nothing reports when
 * there are free descriptors again. */
static void set_full(struct http_loop *loop, bool full, int64_t least_ms)
{
    struct epoll_event event = {.events = full ? 0 : EPOLLIN, .data.ptr = &loop->fd};
    if (loop->full != full && epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, loop->fd, &event) == 0) {
        loop->full = full;
        loop->full_until_ns = clock_now_ns() + least_ms * NS_PER_MS;
    }
}

/* These fail on sockets other than TCP's. A client whose machine is gone sends nothing; while its
 * answer has nothing to send, only probes detect this. */
static void set_options(int fd)
{
    static const struct {
        int level, name, value;
    } options[] = {
        {IPPROTO_TCP, TCP_NODELAY, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, PROBE_AFTER_S},
        {IPPROTO_TCP, TCP_KEEPINTVL, PROBE_EACH_S},
        {IPPROTO_TCP, TCP_KEEPCNT, PROBES_MOST},
        {SOL_SOCKET, SO_KEEPALIVE, 1},
    };
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        (void)setsockopt(fd, options[i].level, options[i].name, &options[i].value, sizeof(int));
    }
}

static void accept_all(struct http_loop *loop)
{
    for (unsigned i = 0; i < ACCEPTS_AT_ONCE; i++) {
        if (!has_room(loop)) {
            set_full(loop, true, 0);
            return;
        }
        int fd = accept4(loop->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
                set_full(loop, true, FULL_MS);
            } else if (errno == ECONNABORTED || errno == EINTR) {
                continue;
            }
            return;
        }
        set_options(fd);
        struct http_connection *connection = http_connection_open(loop, fd);
        if (connection) {
            http_exchange_run(connection);
        }
    }
}

/* ---- the thread ---- */

static void handle(struct http_loop *loop, const struct epoll_event *event)
{
    if (event->data.ptr == &loop->fd) {
        accept_all(loop);
        return;
    }
    if (event->data.ptr == &loop->event_fd) {
        uint64_t unused = 0;
        (void)!read(loop->event_fd, &unused, sizeof(unused));
        return;
    }
    struct http_connection *connection = event->data.ptr;
    bool broken = event->events & (EPOLLHUP | EPOLLERR);
    if (broken || (connection->tcp && (event->events & EPOLLRDHUP))) {
        atomic_store(&connection->left, true);
    }
    if (broken || (event->events & EPOLLRDHUP)) {
        connection->ended = true;
    }
    if (broken || (event->events & (EPOLLIN | EPOLLRDHUP))) {
        connection->readable = true;
    }
    if (broken || (event->events & EPOLLOUT)) {
        connection->writable = true;
    }
    http_exchange_run(connection);
}

static void *run(void *cls)
{
    struct http_loop *loop = cls;
    struct epoll_event events[LOOP_EVENTS];
    while (!atomic_load(&loop->server->stopping)) {
        int count = epoll_wait(loop->epoll_fd, events, LOOP_EVENTS, loop->full ? FULL_MS : -1);
        for (int i = 0; i < count; i++) {
            handle(loop, &events[i]);
        }
        run_woken(loop);
        if (loop->full && clock_now_ns() >= loop->full_until_ns && has_room(loop)) {
            set_full(loop, false, 0);
        }
    }
    while (loop->first) {
        http_connection_close(loop->first);
    }
    return NULL;
}

static void loop_free(struct http_loop *loop)
{
    if (loop->fd >= 0) {
        (void)close(loop->fd);
    }
    if (loop->epoll_fd >= 0) {
        (void)close(loop->epoll_fd);
    }
    if (loop->event_fd >= 0) {
        (void)close(loop->event_fd);
    }
    (void)pthread_mutex_destroy(&loop->lock);
    free(loop);
}

static bool watch_own(const struct http_loop *loop)
{
    struct epoll_event listens = {.events = EPOLLIN, .data.ptr = (void *)(uintptr_t)&loop->fd};
    struct epoll_event wakes = {.events = EPOLLIN, .data.ptr = (void *)(uintptr_t)&loop->event_fd};
    return loop->epoll_fd >= 0 && loop->event_fd >= 0 &&
           epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->fd, &listens) == 0 &&
           epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->event_fd, &wakes) == 0;
}

int http_thread_start(pthread_t *thread, const char *name, void *(*body)(void *), void *cls)
{
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = pthread_create(thread, NULL, body, cls);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r == 0) {
        (void)pthread_setname_np(*thread, name);
    }
    return -r;
}

int http_loop_start(struct http_server *server, int fd, bool tls, void *user,
                    struct http_loop **ret_loop, struct error *error)
{
    struct http_loop *loop = calloc(1, sizeof(*loop));
    if (!loop) {
        (void)close(fd);
        return error_memory(error, "the HTTP listener");
    }
    (void)pthread_mutex_init(&loop->lock, NULL);
    loop->server = server;
    loop->user = user;
    loop->fd = fd;
    loop->tls = tls;
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int r = watch_own(loop) ? http_thread_start(&loop->thread, "http", run, loop) : -errno;
    if (r < 0) {
        errno = -r;
        r = error_set(error, ERROR_IO, "cannot start the HTTP listener: %m");
        loop_free(loop);
        return r;
    }
    *ret_loop = loop;
    return 0;
}

void http_loop_stop(struct http_loop *loop)
{
    uint64_t one = 1;
    (void)!write(loop->event_fd, &one, sizeof(one));
    (void)pthread_join(loop->thread, NULL);
    loop_free(loop);
}
