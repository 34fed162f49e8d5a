/* SPDX-License-Identifier: Apache-2.0
 *
 * Who is at the other end of a connection from this machine. Any thread; asks the kernel only.
 */
#ifndef SITU_API_PEER_H
#define SITU_API_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

struct peer {
    uint32_t user;
    uint32_t *groups; /* owned; sorted */
    size_t group_count;
};

/* The user and the groups that the client of a unix socket had when it connected. A negative errno
 * if the kernel does not tell. */
must_check int peer_of_unix(int fd, struct peer *ret_peer);
void peer_done(struct peer *peer);

/* Root, and the user that situd runs as. */
bool peer_is_trusted(uint32_t user);

/* The other end of any connection, for a log: "192.0.2.1:41200", "[2001:db8::1]:41200", or
 * "uid:1000" on a unix socket. */
void peer_describe(int fd, char *text, size_t size);

#endif
