/* SPDX-License-Identifier: Apache-2.0
 *
 * Listening sockets: addresses, what guards each, systemd's socket activation and readiness.
 */
#ifndef SITU_DAEMON_LISTEN_H
#define SITU_DAEMON_LISTEN_H

#include <stdbool.h>

#include "base/cleanup.h"
#include "base/error.h"

struct config;

enum listen_guard {
    GUARD_UNIX,     /* the socket's mode decides */
    GUARD_LOOPBACK, /* Host is checked */
    GUARD_REMOTE,   /* TLS and token, or insecure */
};

struct listen_socket {
    int fd;
    enum listen_guard guard;
    char address[128]; /* for the log */
};

enum { LISTEN_MAX = 16, DEFAULT_PORT = 7433 };

/* 0 where the address is well formed and guarded as its kind demands. */
must_check int listen_check(const struct config *config, const char *address, struct error *error);

/* Opens all sockets: those that systemd handed over and the configured ones; where there are
 * neither, the defaults:
 * 127.0.0.1:7433, and unix:/run/situ/situd.sock where /run/situ can be written. The descriptors are
 * the caller's. */
must_check int listen_open(const struct config *config, struct listen_socket *ret_sockets,
                           unsigned *ret_count, struct error *error);

/* Tells systemd: "READY=1", "STOPPING=1". Nothing happens without $NOTIFY_SOCKET. */
void listen_notify(const char *state);

#endif
