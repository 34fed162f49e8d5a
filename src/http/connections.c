/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of open connections, by descriptor, for the watcher, the totals and the connection
 * limit. Connections are opened and closed on the listener's thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "http/state.h"

/* Each function down to linger() is called with server->lock held. */

void http_connection_doom(struct http_server *server, struct http_connection *connection)
{
    if (!connection->doomed) {
        connection->doomed = true;
        server->doomed_count++;
        (void)shutdown(connection->fd, SHUT_RDWR);
    }
}

/* Makes room for a new connection: ends the one that has waited longest for a whole head, or the
 * new one if all others have a request running. */
static void make_room(struct http_server *server, struct http_connection *newest)
{
    struct http_connection *oldest = newest;
    int64_t oldest_ns = INT64_MAX;
    for (size_t i = 0; i < server->connections_size; i++) {
        struct http_connection *connection = server->connections[i];
        if (!connection || connection == newest || connection->doomed) {
            continue;
        }
        int64_t waiting_ns = atomic_load(&connection->waiting_ns);
        if (waiting_ns != 0 && waiting_ns < oldest_ns) {
            oldest = connection;
            oldest_ns = waiting_ns;
        }
    }
    http_connection_doom(server, oldest);
}

static bool reserve_slot(struct http_server *server, int fd)
{
    size_t needed = (size_t)fd + 1;
    if (needed <= server->connections_size) {
        return true;
    }
    size_t size = needed < 64 ? 64 : needed * 2;
    struct http_connection **grown =
        realloc(server->connections, size * sizeof(struct http_connection *));
    if (!grown) {
        return false;
    }
    memset(grown + server->connections_size, 0,
           (size - server->connections_size) * sizeof(struct http_connection *));
    server->connections = grown;
    server->connections_size = size;
    return true;
}

static bool table_add(struct http_server *server, struct http_connection *connection)
{
    if (!reserve_slot(server, connection->fd)) {
        return false;
    }
    connection->generation = ++server->generation;
    struct epoll_event event = {
        .events = EPOLLRDHUP | EPOLLET,
        .data.u64 = http_event_key(connection->generation, connection->fd),
    };
    if (epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, connection->fd, &event) < 0) {
        return false;
    }
    server->connections[connection->fd] = connection;
    server->connections_count++;
    if (server->connections_count - server->doomed_count > server->config.connection_limit) {
        make_room(server, connection);
    }
    if (server->watcher_asleep) {
        server->watcher_asleep = false;
        http_watch_wake(server);
    }
    return true;
}

static void table_remove(struct http_server *server, struct http_connection *connection)
{
    server->connections[connection->fd] = NULL;
    server->connections_count--;
    if (connection->doomed) {
        server->doomed_count--;
    }
    (void)epoll_ctl(server->epoll_fd, EPOLL_CTL_DEL, connection->fd, NULL);
    uint64_t received = 0;
    uint64_t sent = 0;
    if (connection->counted && http_bytes_counted(connection->fd, &received, &sent)) {
        server->closed_received += received;
        server->closed_sent += sent;
    }
}

/* Keeps the socket open for a moment after the connection's end: closing it with unread input would
 * reset it, and the client might never see its answer. */
static void linger(struct http_server *server, const struct http_connection *connection)
{
    for (size_t i = 0; i < HTTP_LINGERING; i++) {
        struct http_lingering *slot = &server->lingering[i];
        if (slot->fd >= 0) {
            continue;
        }
        int fd = fcntl(connection->fd, F_DUPFD_CLOEXEC, 3);
        if (fd < 0) {
            return;
        }
        (void)shutdown(fd, SHUT_WR);
        slot->fd = fd;
        slot->unsent = INT_MAX;
        slot->deadline_ns = clock_now_ns() + HTTP_LINGER_MS * NS_PER_MS;
        slot->latest_ns = clock_now_ns() + HTTP_LINGER_MOST_MS * NS_PER_MS;
        http_watch_wake(server);
        return;
    }
}

bool http_connection_is_unfinished(const struct http_connection *connection)
{
    int unsent = 0;
    int unread = 0;
    (void)ioctl(connection->fd, SIOCOUTQNSD, &unsent); /* TCP only: others keep what is sent */
    (void)ioctl(connection->fd, FIONREAD, &unread);
    return unsent > 0 || unread > 0;
}

static struct http_connection *connection_new(struct http_loop *loop, int fd)
{
    struct http_connection *connection = calloc(1, sizeof(*connection));
    if (!connection) {
        return NULL;
    }
    int domain = AF_UNSPEC;
    socklen_t size = sizeof(domain);
    (void)getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size);
    connection->server = loop->server;
    connection->loop = loop;
    connection->user = loop->user;
    connection->fd = fd;
    connection->tcp = domain == AF_INET || domain == AF_INET6;
    connection->readable = true;
    connection->writable = true;
    connection->phase = loop->tls ? HTTP_PHASE_HANDSHAKE : HTTP_PHASE_HEAD;
    uint64_t unused = 0;
    connection->counted = connection->tcp && http_bytes_counted(fd, &unused, &unused);
    atomic_store(&connection->waiting_ns, clock_now_ns());
    http_deadline_set(connection, loop->server->config.header_ms);
    if (loop->tls && http_session_new(loop->server->tls, fd, &connection->session) < 0) {
        free(connection);
        return NULL;
    }
    return connection;
}

static bool loop_add(struct http_loop *loop, struct http_connection *connection)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                .data.ptr = connection};
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, connection->fd, &event) < 0) {
        return false;
    }
    connection->next = loop->first;
    if (loop->first) {
        loop->first->previous = connection;
    }
    loop->first = connection;
    return true;
}

static void connection_free(struct http_connection *connection)
{
    http_session_free(connection->session);
    (void)close(connection->fd);
    buffer_done(&connection->input);
    buffer_done(&connection->output);
    free(connection);
}

struct http_connection *http_connection_open(struct http_loop *loop, int fd)
{
    struct http_server *server = loop->server;
    struct http_connection *connection = connection_new(loop, fd);
    if (!connection) {
        (void)close(fd);
        return NULL;
    }
    bool listed = false;
    {
        HOLD(&server->lock);
        listed = table_add(server, connection);
    }
    if (listed && loop_add(loop, connection)) {
        return connection;
    }
    if (listed) {
        HOLD(&server->lock);
        table_remove(server, connection);
    }
    connection_free(connection);
    return NULL;
}

void http_connection_close(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    if (connection->request) {
        http_request_close(connection->request, true);
        connection->linger = false;
    }
    if (connection->session && !atomic_load(&server->stopping)) {
        http_session_bye(connection->session);
    }
    {
        HOLD(&server->lock);
        table_remove(server, connection);
        if (connection->linger && !connection->doomed && !atomic_load(&server->stopping)) {
            linger(server, connection);
        }
    }
    /* A lingering socket is not closed yet, and would go on to report events. */
    (void)epoll_ctl(connection->loop->epoll_fd, EPOLL_CTL_DEL, connection->fd, NULL);
    http_connection_forget(connection);
    connection_free(connection);
}
