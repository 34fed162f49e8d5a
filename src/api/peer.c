/* SPDX-License-Identifier: Apache-2.0
 *
 * The other end of a unix socket: see peer.h. Any thread.
 */
#include "api/peer.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { GROUPS_FIRST = 64, GROUPS_MOST = 65536 + 1 /* the kernel's limit, and the first group */ };

static int compare_ids(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a;
    uint32_t right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

/* Appends the supplementary groups to the first one. */
static int read_groups(int fd, struct peer *peer)
{
    for (size_t room = GROUPS_FIRST; room <= GROUPS_MOST; room *= 4) {
        uint32_t *groups = reallocarray(peer->groups, room + 1, sizeof *groups);
        if (!groups) {
            return -ENOMEM;
        }
        peer->groups = groups;
        socklen_t size = (socklen_t)(room * sizeof *groups);
        if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups + 1, &size) == 0) {
            peer->group_count = 1 + size / sizeof *groups;
            return 0;
        }
        if (errno != ERANGE) {
            return -errno;
        }
    }
    return -E2BIG;
}

int peer_of_unix(int fd, struct peer *ret_peer)
{
    struct ucred credentials = {0};
    socklen_t size = sizeof credentials;
    struct peer peer = {0};
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0) {
        return -errno;
    }
    int r = read_groups(fd, &peer);
    if (r < 0) {
        peer_done(&peer);
        return r;
    }
    peer.user = credentials.uid;
    peer.groups[0] = credentials.gid;
    qsort(peer.groups, peer.group_count, sizeof *peer.groups, compare_ids);
    *ret_peer = peer;
    return 0;
}

void peer_done(struct peer *peer)
{
    free(peer->groups);
    *peer = (struct peer){0};
}

bool peer_is_trusted(uint32_t user)
{
    return user == 0 || user == geteuid();
}

void peer_describe(int fd, char *text, size_t size)
{
    struct sockaddr_storage address = {0};
    socklen_t length = sizeof address;
    char host[64];
    char port[16];
    struct ucred peer = {0};
    socklen_t peer_size = sizeof peer;
    if (getpeername(fd, (struct sockaddr *)&address, &length) < 0) {
        (void)snprintf(text, size, "gone");
    } else if (address.ss_family == AF_UNIX) {
        bool known = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &peer_size) == 0;
        (void)snprintf(text, size, "uid:%d", known ? (int)peer.uid : -1);
    } else if (getnameinfo((const struct sockaddr *)&address, length, host, sizeof host, port,
                           sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) == 0) {
        bool six = address.ss_family == AF_INET6;
        (void)snprintf(text, size, "%s%s%s:%s", six ? "[" : "", host, six ? "]" : "", port);
    } else {
        (void)snprintf(text, size, "unknown");
    }
}
