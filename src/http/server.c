/* SPDX-License-Identifier: Apache-2.0
 *
 * The server's life: one loop for each listener, start, quiescence, stop, totals. Called by the
 * thread that owns the server; http_server_active() and http_server_totals() by any.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/log.h"
#include "base/metric.h"
#include "http/state.h"

int http_server_new(const struct http_config *config, const struct http_handler *handler,
                    struct http_server **ret_server, struct error *error)
{
    struct http_server *server = calloc(1, sizeof(*server));
    if (!server) {
        return error_memory(error, "the HTTP server");
    }
    server->config = *config;
    server->handler = *handler;
    server->label_prefix = (unsigned)clock_now_ns();
    (void)!getrandom(&server->label_prefix, sizeof(server->label_prefix), GRND_NONBLOCK);
    server->label_prefix &= 0xffffff;
    server->epoll_fd = -1;
    server->event_fd = -1;
    for (size_t i = 0; i < HTTP_LINGERING; i++) {
        server->lingering[i].fd = -1;
    }
    (void)pthread_mutex_init(&server->lock, NULL);
    int r = http_watch_start(server, error);
    if (r < 0) {
        http_server_free(server);
        return r;
    }
    *ret_server = server;
    return 0;
}

int http_server_listen(struct http_server *server, const struct http_listener *listener,
                       struct error *error)
{
    cleanup_fd int fd = listener->fd;
    if (server->loops_count == HTTP_LISTENERS) {
        return error_set(error, ERROR_TOO_LARGE, "more than %d listening sockets", HTTP_LISTENERS);
    }
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
        return error_set(error, ERROR_IO, "cannot use the listening socket: %m");
    }
    bool tls = listener->tls_certificate != NULL;
    int r = tls && !server->tls ? http_tls_new(&server->tls, error) : 0;
    if (r == 0 && tls) {
        r = http_tls_set(server->tls, listener->tls_certificate, listener->tls_key, error);
    }
    if (r == 0) {
        r = http_loop_start(server, take_fd(&fd), tls, listener->user,
                            &server->loops[server->loops_count], error);
    }
    server->loops_count += r == 0;
    return r;
}

int http_server_certify(struct http_server *server, const char *certificate, const char *key,
                        struct error *error)
{
    return server->tls ? http_tls_set(server->tls, certificate, key, error) : 0;
}

/* The sockets stay open until http_server_free(); new requests get 503. */
void http_server_quiesce(struct http_server *server)
{
    atomic_store(&server->quiescing, true);
}

size_t http_server_active(const struct http_server *server)
{
    return atomic_load(&server->active);
}

void http_server_free(struct http_server *server)
{
    if (!server) {
        return;
    }
    atomic_store(&server->stopping, true);
    http_server_quiesce(server);
    for (size_t i = 0; i < server->loops_count; i++) {
        http_loop_stop(server->loops[i]);
    }
    http_watch_stop(server);
    http_tls_free(server->tls);
    free(server->connections);
    (void)pthread_mutex_destroy(&server->lock);
    free(server);
}

void http_server_totals(const struct http_server *server, struct http_totals *ret_totals)
{
    struct http_totals totals = {
        .requests = atomic_load(&server->requests),
        .timeouts = atomic_load(&server->timeouts),
        .bytes_received = atomic_load(&server->computed_received),
        .bytes_sent = atomic_load(&server->computed_sent),
    };
    HOLD((pthread_mutex_t *)(uintptr_t)&server->lock);
    totals.connections = server->connections_count;
    totals.bytes_received += server->closed_received;
    totals.bytes_sent += server->closed_sent;
    for (size_t i = 0; i < server->connections_size; i++) {
        const struct http_connection *connection = server->connections[i];
        uint64_t received = 0;
        uint64_t sent = 0;
        if (connection && connection->counted &&
            http_bytes_counted(connection->fd, &received, &sent)) {
            totals.bytes_received += received;
            totals.bytes_sent += sent;
        }
    }
    *ret_totals = totals;
}

void http_server_write_bytes(void *server, struct json_writer *w)
{
    struct http_totals totals;
    http_server_totals(server, &totals);
    json_put_unsigned(w, "bytes_sent", totals.bytes_sent);
    json_put_unsigned(w, "bytes_received", totals.bytes_received);
}

void http_server_write_connections(void *server, struct json_writer *w)
{
    struct http_totals totals;
    http_server_totals(server, &totals);
    json_put_unsigned(w, "connections", totals.connections);
}

void http_server_write_metrics(void *server, struct buffer *out)
{
    struct http_totals totals;
    http_server_totals(server, &totals);
    metric_write(out, "situ_http_sent_bytes_total", "counter", "Bytes sent on connections",
                 totals.bytes_sent);
    metric_write(out, "situ_http_received_bytes_total", "counter", "Bytes received on connections",
                 totals.bytes_received);
    metric_write(out, "situ_http_connections", "gauge", "Open connections", totals.connections);
    metric_write(out, "situ_http_timeouts_total", "counter", "Connections ended by a deadline",
                 totals.timeouts);
}
