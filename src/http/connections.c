/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of open connections, by descriptor: what the watcher looks at, what is counted, and
 * what is kept within the limit. libmicrohttpd tells of each connection's start and close, on the
 * listener's thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "http/state.h"

/* server->lock is held by each function down to linger(). */

void http_connection_doom(struct http_server *server, struct http_connection *connection)
{
    if (!connection->doomed) {
        connection->doomed = true;
        server->doomed_count++;
        (void)shutdown(connection->fd, SHUT_RDWR);
    }
}

/* Ends the connection that has waited longest for a whole head, for the sake of a new one; the new
 * one where all others have a request running. */
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

/* Keeps the socket for a moment after libmicrohttpd has closed its descriptor: closing it with
 * unread input would reset the connection, and the client might never see its answer. */
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
        slot->deadline_ns = clock_now_ns() + HTTP_LINGER_MS * NS_PER_MS;
        http_watch_wake(server);
        return;
    }
}

static struct http_connection *connection_new(const struct http_daemon *daemon, int fd)
{
    struct http_connection *connection = calloc(1, sizeof(*connection));
    if (!connection) {
        return NULL;
    }
    int domain = AF_UNSPEC;
    socklen_t size = sizeof(domain);
    (void)getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size);
    connection->server = daemon->server;
    connection->user = daemon->user;
    connection->fd = fd;
    connection->tcp = domain == AF_INET || domain == AF_INET6;
    uint64_t unused = 0;
    connection->counted = connection->tcp && http_bytes_counted(fd, &unused, &unused);
    atomic_store(&connection->waiting_ns, clock_now_ns());
    http_deadline_set(connection, daemon->server->config.header_ms);
    return connection;
}

void http_connection_notify(void *cls, struct MHD_Connection *mhd, void **slot,
                            enum MHD_ConnectionNotificationCode code)
{
    struct http_daemon *daemon = cls;
    struct http_server *server = daemon->server;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        if (daemon->tls) {
            http_tls_enter(server->tls);
        }
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
        struct http_connection *connection = info ? connection_new(daemon, info->connect_fd) : NULL;
        *slot = connection;
        if (connection) {
            HOLD(&server->lock);
            if (table_add(server, connection)) {
                return;
            }
        }
        /* Without a place in the table nothing guards it: its requests get no answer. */
        free(connection);
        *slot = NULL;
        if (info) {
            (void)shutdown(info->connect_fd, SHUT_RDWR);
        }
        return;
    }
    struct http_connection *connection = *slot;
    *slot = NULL;
    if (connection) {
        HOLD(&server->lock);
        table_remove(server, connection);
        if (connection->linger && !connection->doomed && !atomic_load(&server->stopping)) {
            linger(server, connection);
        }
    }
    free(connection);
}
