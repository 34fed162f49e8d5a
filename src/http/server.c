/* SPDX-License-Identifier: Apache-2.0
 *
 * The server's life: one libmicrohttpd daemon a listener, start, quiescence, stop, totals. Called
 * by the thread that owns the server; http_server_active() and http_server_totals() by any.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "http/state.h"

/* 0.9.77 gave the option another name; the value kept its meaning. */
#if MHD_VERSION >= 0x00097701
#define OPTION_STRICT MHD_OPTION_CLIENT_DISCIPLINE_LVL
#else
#define OPTION_STRICT MHD_OPTION_STRICT_FOR_CLIENT
#endif

/* Only what is safe today: TLS 1.2 and 1.3. */
#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

int http_server_new(const struct http_config *config, const struct http_handler *handler,
                    struct http_server **ret_server, struct error *error)
{
    struct http_server *server = calloc(1, sizeof(*server));
    if (!server) {
        return error_set(error, ERROR_MEMORY, "out of memory for the HTTP server");
    }
    server->config = *config;
    server->handler = *handler;
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

/* Targets are taken apart by target.c, with errors; libmicrohttpd leaves them alone. */
static size_t unescape_nothing(void *cls, struct MHD_Connection *mhd, char *text)
{
    (void)cls;
    (void)mhd;
    return strlen(text);
}

__attribute__((format(printf, 2, 0))) static void keep_message(void *cls, const char *format,
                                                               va_list arguments)
{
    struct http_daemon *daemon = cls;
    char text[256];
    char quoted[300];
    (void)vsnprintf(text, sizeof(text), format, arguments);
    text[strcspn(text, "\n")] = '\0';
    log_event(LOG_LEVEL_DEBUG, "http_library", "message=%s",
              log_quote(quoted, sizeof(quoted), text));
    if (pthread_equal(pthread_self(), daemon->starter)) { /* not its own, which runs beside */
        memcpy(daemon->message, text, sizeof(text));
    }
}

static struct MHD_Daemon *start(struct http_daemon *daemon, const struct http_listener *listener,
                                int fd)
{
    struct http_server *server = daemon->server;
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC |
                     MHD_USE_ERROR_LOG | MHD_USE_SUPPRESS_DATE_NO_CLOCK;
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_CERT_CALLBACK2, 0, http_tls_callback()},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_PRIORITIES},
        {MHD_OPTION_END, 0, NULL},
    };
    struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    if (listener->tls_certificate) {
        flags |= MHD_USE_TLS;
    }
    return MHD_start_daemon(flags, 0, NULL, NULL, http_request_step, server,  /**/
                            MHD_OPTION_EXTERNAL_LOGGER, keep_message, daemon, /**/
                            MHD_OPTION_LISTEN_SOCKET, fd,                     /**/
                            MHD_OPTION_CONNECTION_LIMIT,
                            server->config.connection_limit + HTTP_CONNECTION_SLACK,      /**/
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_POOL_BYTES,  /**/
                            OPTION_STRICT, 1,                                             /**/
                            MHD_OPTION_UNESCAPE_CALLBACK, unescape_nothing, NULL,         /**/
                            MHD_OPTION_URI_LOG_CALLBACK, http_request_open, server,       /**/
                            MHD_OPTION_NOTIFY_COMPLETED, http_request_close, server,      /**/
                            MHD_OPTION_NOTIFY_CONNECTION, http_connection_notify, daemon, /**/
                            MHD_OPTION_ARRAY, listener->tls_certificate ? tls : none,     /**/
                            MHD_OPTION_END);
}

int http_server_listen(struct http_server *server, const struct http_listener *listener,
                       struct error *error)
{
    cleanup_fd int fd = listener->fd;
    if (server->daemons_count == HTTP_LISTENERS) {
        return error_set(error, ERROR_TOO_LARGE, "more than %d listening sockets", HTTP_LISTENERS);
    }
    int flags = fcntl(fd, F_GETFL);
    /* libmicrohttpd closes its descriptor at the end, but after a failure only sometimes: it gets
     * a duplicate, and at worst that one stays open in a program that is about to give up. */
    int duplicate = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (flags < 0 || duplicate < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
        return error_set(error, ERROR_IO, "cannot use the listening socket: %m");
    }
    if (listener->tls_certificate) {
        int r = server->tls ? 0 : http_tls_new(&server->tls, error);
        if (r == 0) {
            r = http_tls_set(server->tls, listener->tls_certificate, listener->tls_key, error);
        }
        if (r < 0) {
            (void)close(duplicate);
            return r;
        }
    }
    struct http_daemon *daemon = &server->daemons[server->daemons_count];
    *daemon = (struct http_daemon){.server = server,
                                   .user = listener->user,
                                   .fd = -1,
                                   .tls = listener->tls_certificate != NULL,
                                   .starter = pthread_self()};

    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for the program's threads */
    struct MHD_Daemon *mhd = start(daemon, listener, duplicate);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!mhd) {
        return error_set(error, ERROR_IO, "cannot start the HTTP listener: %s",
                         daemon->message[0] ? daemon->message : "libmicrohttpd gave no reason");
    }
    daemon->mhd = mhd;
    daemon->fd = take_fd(&fd);
    server->daemons_count++;
    return 0;
}

int http_server_certify(struct http_server *server, const char *certificate, const char *key,
                        struct error *error)
{
    return server->tls ? http_tls_set(server->tls, certificate, key, error) : 0;
}

/* The sockets stay open until http_server_free(), what comes is answered with 503: to take a socket
 * out of libmicrohttpd from another thread than its own (MHD_quiesce_daemon) is a race in 0.9.75
 * that ends the process, where its thread takes the socket out at the same moment. */
void http_server_quiesce(struct http_server *server)
{
    atomic_store(&server->quiescing, true);
}

size_t http_server_active(const struct http_server *server)
{
    return atomic_load(&server->active);
}

/* From here on no connection is suspended any more: `stopping` was set before, and a request is in
 * the table before it looks at that. */
static void resume_all(struct http_server *server)
{
    HOLD(&server->lock);
    for (size_t i = 0; i < server->connections_size; i++) {
        struct http_connection *connection = server->connections[i];
        if (connection && connection->request) {
            http_request_abandon(connection->request);
        }
    }
}

void http_server_free(struct http_server *server)
{
    if (!server) {
        return;
    }
    atomic_store(&server->stopping, true);
    http_server_quiesce(server);
    resume_all(server);
    for (size_t i = 0; i < server->daemons_count; i++) {
        MHD_stop_daemon(server->daemons[i].mhd);
        (void)close(take_fd(&server->daemons[i].fd));
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
