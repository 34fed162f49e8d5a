/* SPDX-License-Identifier: Apache-2.0
 *
 * The user of a loopback connection: see loopback_peer.h. Asks the kernel for the one socket with
 * sock_diag(7); where that is not there, reads /proc/net/tcp and tcp6.
 */
#include "api/loopback_peer.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { REPLY_BYTES = 4096, LINE_BYTES = 512, ADDRESS_DIGITS = 32 + 1 + 4 };

/* An end of a connection: one that is not there is all zeros. */
struct end {
    uint32_t words[4]; /* in network order; IPv4: the first one */
    uint16_t port;     /* in network order */
    bool six;
};

static struct end end_of(const struct sockaddr_storage *address)
{
    struct end end = {0};
    if (address->ss_family == AF_INET6) {
        struct sockaddr_in6 six;
        memcpy(&six, address, sizeof six);
        memcpy(end.words, &six.sin6_addr, sizeof end.words);
        end.port = six.sin6_port;
        end.six = true;
    } else {
        struct sockaddr_in four;
        memcpy(&four, address, sizeof four);
        end.words[0] = four.sin_addr.s_addr;
        end.port = four.sin_port;
    }
    return end;
}

/* Only such a socket has a user. */
static int user_of(unsigned state, uint32_t user, uint64_t inode, uint32_t *ret_user)
{
    if (state != TCP_ESTABLISHED || inode == 0) {
        return -ENOTCONN;
    }
    *ret_user = user;
    return 0;
}

/* ---- sock_diag ---- */

struct question {
    struct nlmsghdr header;
    struct inet_diag_req_v2 request;
};

static int ask(int fd, const struct end *client, const struct end *server)
{
    struct question question = {
        .header = {.nlmsg_len = sizeof question,
                   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                   .nlmsg_flags = NLM_F_REQUEST},
        .request = {.sdiag_family = client->six ? AF_INET6 : AF_INET,
                    .sdiag_protocol = IPPROTO_TCP,
                    .idiag_states = ~0u,
                    .id = {.idiag_sport = client->port,
                           .idiag_dport = server->port,
                           .idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE}}}};
    memcpy(question.request.id.idiag_src, client->words, sizeof client->words);
    memcpy(question.request.id.idiag_dst, server->words, sizeof server->words);
    return send(fd, &question, sizeof question, 0) == (ssize_t)sizeof question ? 0 : -errno;
}

int loopback_peer_by_netlink(const struct sockaddr_storage *client,
                             const struct sockaddr_storage *server, uint32_t *ret_user)
{
    union {
        struct nlmsghdr header;
        char bytes[REPLY_BYTES];
    } reply;
    const struct end ends[] = {end_of(client), end_of(server)};
    cleanup_fd int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    int r = fd < 0 ? -errno : ask(fd, &ends[0], &ends[1]);
    if (r < 0) {
        return r;
    }
    ssize_t size = recv(fd, reply.bytes, sizeof reply.bytes, MSG_DONTWAIT); /* it is there */
    if (size < (ssize_t)(NLMSG_LENGTH(sizeof(struct inet_diag_msg)))) {
        return -EPROTO;
    }
    if (reply.header.nlmsg_type != SOCK_DIAG_BY_FAMILY) {
        return -EPROTO; /* an error: there is no such socket, or no such module */
    }
    const struct inet_diag_msg *message = NLMSG_DATA(&reply.header);
    bool same = message->id.idiag_sport == ends[0].port && message->id.idiag_dport == ends[1].port;
    return same ? user_of(message->idiag_state, message->idiag_uid, message->idiag_inode, ret_user)
                : -ENOTCONN;
}

/* ---- /proc ---- */

/* An end as the table writes it. */
static void write_end(const struct end *end, bool six, char *text)
{
    const uint32_t mapped[] = {0, 0, htonl(0xffff), end->words[0]};
    const uint32_t *words = six && !end->six ? mapped : end->words;
    if (six) {
        (void)snprintf(text, ADDRESS_DIGITS + 1, "%08X%08X%08X%08X:%04X", words[0], words[1],
                       words[2], words[3], ntohs(end->port));
    } else {
        (void)snprintf(text, ADDRESS_DIGITS + 1, "%08X:%04X", words[0], ntohs(end->port));
    }
}

/* The socket with these ends: `  7: LOCAL REMOTE 01 0:0 0:0 0 UID 0 INODE ...`. */
static int search(FILE *table, const char *local, const char *remote, uint32_t *ret_user)
{
    char line[LINE_BYTES];
    while (fgets(line, sizeof line, table)) {
        char ends[2][ADDRESS_DIGITS + 1];
        char state[8];
        char user[16];
        char inode[24];
        /* NOLINTNEXTLINE(cert-err34-c): these are words */
        int count = sscanf(line, "%*s %37s %37s %7s %*s %*s %*s %15s %*s %23s", ends[0], ends[1],
                           state, user, inode);
        if (count == 5 && strcmp(ends[0], local) == 0 && strcmp(ends[1], remote) == 0) {
            return user_of((unsigned)strtoul(state, NULL, 16), (uint32_t)strtoul(user, NULL, 10),
                           strtoull(inode, NULL, 10), ret_user);
        }
    }
    return -ENOENT;
}

static void close_table(FILE **table)
{
    if (*table) {
        (void)fclose(*table);
    }
}

static int search_file(const char *path, bool six, const struct end *client,
                       const struct end *server, uint32_t *ret_user)
{
    char local[ADDRESS_DIGITS + 1];
    char remote[ADDRESS_DIGITS + 1];
    cleanup_by(close_table) FILE *table = fopen(path, "re");
    write_end(client, six, local);
    write_end(server, six, remote);
    return table ? search(table, local, remote, ret_user) : -errno;
}

int loopback_peer_by_table(const struct sockaddr_storage *client,
                           const struct sockaddr_storage *server, uint32_t *ret_user)
{
    const struct end ends[] = {end_of(client), end_of(server)};
    int r =
        ends[0].six ? -ENOENT : search_file("/proc/net/tcp", false, &ends[0], &ends[1], ret_user);
    if (r == -ENOENT) { /* a socket of IPv6 may speak IPv4 */
        r = search_file("/proc/net/tcp6", true, &ends[0], &ends[1], ret_user);
    }
    return r == -ENOENT ? -ENOTCONN : r;
}

/* ---- both ---- */

/* Whether neither side has closed. While that is so, no other socket can have the same two ends. */
static bool is_open(int fd)
{
    struct tcp_info info = {0};
    socklen_t size = sizeof info;
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
           info.tcpi_state == TCP_ESTABLISHED;
}

int loopback_peer_user(int fd, uint32_t *ret_user)
{
    struct sockaddr_storage client = {0};
    struct sockaddr_storage server = {0};
    socklen_t client_size = sizeof client;
    socklen_t server_size = sizeof server;
    uint32_t user = 0;
    if (!is_open(fd) || getpeername(fd, (struct sockaddr *)&client, &client_size) < 0 ||
        getsockname(fd, (struct sockaddr *)&server, &server_size) < 0) {
        return -ENOTCONN;
    }
    int r = loopback_peer_by_netlink(&client, &server, &user);
    if (r < 0 && r != -ENOTCONN) {
        r = loopback_peer_by_table(&client, &server, &user);
    }
    if (r < 0 || !is_open(fd)) {
        return -ENOTCONN;
    }
    *ret_user = user;
    return 0;
}
