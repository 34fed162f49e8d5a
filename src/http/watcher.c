/* SPDX-License-Identifier: Apache-2.0
 *
 * The watcher: one thread that ends connections past their deadline, notices clients that leave
 * while their connection is suspended, and wakes streams whose encoder has held bytes long enough.
 *
 * It has each connection in an epoll set of its own, only for EPOLLRDHUP, so that requests do not
 * wake it. It never closes a connection's descriptor; it shuts it down, and the listener's thread
 * then sees its end.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "http/state.h"

enum {
    WATCH_EVENTS = 64,
    WATCH_TICK_SHORTEST_MS = 10,
    WATCH_TICK_LONGEST_MS = 1000,
    WATCH_LINGER_TICK_MS = 20,
};

#define WATCH_WAKE UINT64_MAX /* event data of the event fd; no connection has this key */

/* Whether the client has left. Over TCP a FIN counts as that: a client that only closes its sending
 * side looks the same as one that is gone until something is sent to it. A unix socket
 * distinguishes them. */
static bool has_left(const struct http_connection *connection, uint32_t events)
{
    return (events & (EPOLLHUP | EPOLLERR)) || (connection->tcp && (events & EPOLLRDHUP));
}

static void handle_event(struct http_server *server, const struct epoll_event *event)
{
    size_t fd = (uint32_t)event->data.u64;
    uint32_t generation = (uint32_t)(event->data.u64 >> 32);
    HOLD(&server->lock);
    struct http_connection *connection =
        fd < server->connections_size ? server->connections[fd] : NULL;
    if (!connection || connection->generation != generation ||
        !has_left(connection, event->events)) {
        return;
    }
    atomic_store(&connection->left, true);
    if (connection->request) {
        http_request_leave(connection->request);
    }
}

/* Ends connections past their deadline. Returns whether any is open. */
static bool check_deadlines(struct http_server *server)
{
    int64_t now_ns = clock_now_ns();
    HOLD(&server->lock);
    for (size_t i = 0; i < server->connections_size; i++) {
        struct http_connection *connection = server->connections[i];
        if (!connection || connection->doomed) {
            continue;
        }
        int64_t deadline_ns = atomic_load(&connection->deadline_ns);
        if (deadline_ns != 0 && deadline_ns <= now_ns) {
            atomic_fetch_add(&server->timeouts, 1); /* first: the count is visible at the end */
            http_connection_doom(server, connection);
        }
    }
    return server->connections_count > 0;
}

/* Drops the input so far. Returns whether more may come. */
static bool drop_input(int fd)
{
    char scratch[16384];
    ssize_t got = 0;
    for (unsigned i = 0; i < 256; i++) {
        got = recv(fd, scratch, sizeof(scratch), MSG_DONTWAIT);
        if (got <= 0) {
            break;
        }
    }
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

/* Whether the socket is still needed; extends its deadline while the client reads the answer. */
static bool is_needed(struct http_lingering *slot, int64_t now_ns)
{
    int unsent = 0;
    if (slot->deadline_ns > now_ns) {
        return true;
    }
    if (slot->latest_ns <= now_ns || ioctl(slot->fd, SIOCOUTQ, &unsent) < 0 || unsent == 0 ||
        unsent >= slot->unsent) {
        return false;
    }
    slot->unsent = unsent;
    slot->deadline_ns = now_ns + HTTP_LINGER_MS * NS_PER_MS;
    return true;
}

/* Returns whether any is left. Only the watcher uses an occupied slot, so much input can be dropped
 * without the lock, which each request takes. */
static bool check_lingering(struct http_server *server)
{
    bool any = false;
    int64_t now_ns = clock_now_ns();
    for (size_t i = 0; i < HTTP_LINGERING; i++) {
        struct http_lingering slot;
        {
            HOLD(&server->lock);
            slot = server->lingering[i];
        }
        if (slot.fd < 0) {
            continue;
        }
        if (drop_input(slot.fd) && is_needed(&slot, now_ns)) {
            any = true;
        } else {
            (void)close(slot.fd);
            slot.fd = -1;
        }
        HOLD(&server->lock);
        server->lingering[i] = slot;
    }
    return any;
}

/* Deadlines have a tolerance of an eighth of the shortest one. */
static int tick_of(const struct http_config *config)
{
    int64_t tick = config->header_ms;
    tick = config->body_ms < tick ? config->body_ms : tick;
    tick = config->idle_ms < tick ? config->idle_ms : tick;
    tick /= 8;
    if (tick < WATCH_TICK_SHORTEST_MS) {
        return WATCH_TICK_SHORTEST_MS;
    }
    return tick > WATCH_TICK_LONGEST_MS ? WATCH_TICK_LONGEST_MS : (int)tick;
}

/* Wakes the streams that are due. Returns the milliseconds until the next one is, at least the
 * shortest tick, so that many streams cost no more wake-ups than one; or `most_ms`. */
static int check_streams(struct http_server *server, int most_ms)
{
    if (!atomic_exchange(&server->holding, false)) {
        return most_ms;
    }
    int64_t now_ns = clock_now_ns();
    int64_t next_ns = INT64_MAX;
    {
        HOLD(&server->lock);
        for (size_t i = 0; i < server->connections_size; i++) {
            struct http_connection *connection = server->connections[i];
            int64_t due_ns = connection && connection->request
                                 ? http_stream_wake(connection->request, now_ns)
                                 : 0;
            next_ns = due_ns != 0 && due_ns < next_ns ? due_ns : next_ns;
        }
    }
    if (next_ns == INT64_MAX) {
        return most_ms;
    }
    atomic_store(&server->holding, true);
    int64_t wait_ms = (next_ns - now_ns) / NS_PER_MS + 1;
    wait_ms = wait_ms < WATCH_TICK_SHORTEST_MS ? WATCH_TICK_SHORTEST_MS : wait_ms;
    return wait_ms < most_ms ? (int)wait_ms : most_ms;
}

/* How long to wait: without a limit if nothing is open (table_add() then wakes the watcher). */
static int wait_ms(struct http_server *server, int tick_ms)
{
    bool open = check_deadlines(server);
    bool lingers = check_lingering(server);
    (void)http_place_check(server, clock_now_ns());
    tick_ms = check_streams(server, tick_ms);
    if (lingers) {
        return WATCH_LINGER_TICK_MS < tick_ms ? WATCH_LINGER_TICK_MS : tick_ms;
    }
    if (open) {
        return tick_ms;
    }
    HOLD(&server->lock);
    server->watcher_asleep = server->connections_count == 0;
    return server->watcher_asleep ? -1 : tick_ms;
}

static void *watch(void *cls)
{
    struct http_server *server = cls;
    struct epoll_event events[WATCH_EVENTS];
    int tick_ms = tick_of(&server->config);
    int64_t tick_at_ns = 0;
    int timeout_ms = 0;
    while (!atomic_load(&server->watcher_stop)) {
        int count = epoll_wait(server->epoll_fd, events, WATCH_EVENTS, timeout_ms);
        bool look = count <= 0;
        for (int i = 0; i < count; i++) {
            if (events[i].data.u64 == WATCH_WAKE) {
                uint64_t unused = 0;
                look = true;
                (void)!read(server->event_fd, &unused, sizeof(unused));
            } else {
                handle_event(server, &events[i]);
            }
        }
        int64_t now_ns = clock_now_ns();
        if (look || now_ns >= tick_at_ns) {
            timeout_ms = wait_ms(server, tick_ms);
            tick_at_ns = now_ns + (timeout_ms < 0 ? 0 : timeout_ms) * NS_PER_MS;
        } else if (timeout_ms > 0) {
            timeout_ms = (int)((tick_at_ns - now_ns) / NS_PER_MS) + 1;
        }
    }
    return NULL;
}

int http_watch_start(struct http_server *server, struct error *error)
{
    server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    server->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = WATCH_WAKE};
    if (server->epoll_fd < 0 || server->event_fd < 0 ||
        epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, server->event_fd, &event) < 0) {
        return error_set(error, ERROR_IO, "cannot make an epoll set for HTTP connections: %m");
    }
    int r = http_thread_start(&server->watcher, "http-watch", watch, server);
    if (r < 0) {
        errno = -r;
        return error_set(error, ERROR_IO, "cannot start the HTTP watcher thread: %m");
    }
    server->watching = true;
    return 0;
}

void http_watch_stop(struct http_server *server)
{
    if (server->watching) {
        atomic_store(&server->watcher_stop, true);
        http_watch_wake(server);
        (void)pthread_join(server->watcher, NULL);
    }
    for (size_t i = 0; i < HTTP_LINGERING; i++) {
        if (server->lingering[i].fd >= 0) {
            (void)close(server->lingering[i].fd);
        }
    }
    if (server->event_fd >= 0) {
        (void)close(server->event_fd);
    }
    if (server->epoll_fd >= 0) {
        (void)close(server->epoll_fd);
    }
}
