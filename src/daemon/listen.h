/* SPDX-License-Identifier: Apache-2.0
 *
 * Listening sockets: their addresses, the guard of each, systemd's socket activation and readiness.
 */
#ifndef SITU_DAEMON_LISTEN_H
#define SITU_DAEMON_LISTEN_H

#include <stdbool.h>

#include "base/cleanup.h"
#include "base/error.h"

struct api_listener;
struct config;

enum { LISTEN_MAX = 16, DEFAULT_PORT = 7433 };

/* Checks that each configured address is well formed and has the guard that its kind requires. */
must_check int listen_check_config(const struct config *config, struct error *error);

/* Opens all sockets: those passed by systemd and the configured ones; without either, the defaults:
 * 127.0.0.1:7433, and unix:/run/situ/situd.sock where /run/situ is writable. The caller owns the
 * descriptors. */
must_check int listen_open(const struct config *config, struct api_listener *ret_listeners,
                           unsigned *ret_count, struct error *error);

/* Removes the files of unix sockets that listen_open() made. */
void listen_unlink(const struct api_listener *listeners, unsigned count);

/* Notifies systemd: "READY=1", "STOPPING=1". Does nothing without $NOTIFY_SOCKET. */
void listen_notify(const char *state);

#endif
