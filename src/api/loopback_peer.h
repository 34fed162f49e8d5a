/* SPDX-License-Identifier: Apache-2.0
 *
 * The user at the other end of a TCP connection from this machine, as the kernel's table of sockets
 * has it. Any thread.
 */
#ifndef SITU_API_LOOPBACK_PEER_H
#define SITU_API_LOOPBACK_PEER_H

#include <stdint.h>
#include <sys/socket.h>

#include "base/cleanup.h"

/* The user that made the client's socket. Only a client that still has its socket, with the
 * connection open in both directions, has a user: a socket that was closed shows as root's.
 * -ENOTCONN: it is not so, and nobody knows who the client was. */
must_check int loopback_peer_user(int fd, uint32_t *ret_user);

/* Its two sources: for tests. `client` and `server` are the ends of the connection. -ENOTCONN: the
 * source has the socket no more; another error: the source cannot be used. */
must_check int loopback_peer_by_netlink(const struct sockaddr_storage *client,
                                        const struct sockaddr_storage *server, uint32_t *ret_user);
/* For tests, too. */
must_check int loopback_peer_by_table(const struct sockaddr_storage *client,
                                      const struct sockaddr_storage *server, uint32_t *ret_user);

#endif
