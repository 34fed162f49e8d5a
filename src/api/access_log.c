/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs on the listeners' threads, after each request.
 */
#include "api/access_log.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"

/* "192.0.2.1:41200", "[2001:db8::1]:41200", or the user at the other end of a unix socket. */
static void name_client(int fd, char *text, size_t size)
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

/* Whether a parameter of a query is, or may be spelled to be, a token. */
static bool is_secret(const char *parameter, size_t size)
{
    static const char name[] = "token";
    return memchr(parameter, '%', size) || (size == strlen(name) && !memcmp(parameter, name, size));
}

struct text {
    char bytes[1024];
    size_t size;
};

static void append(struct text *text, const char *from, size_t size)
{
    size_t room = sizeof text->bytes - 1 - text->size;
    size = size < room ? size : room;
    memcpy(text->bytes + text->size, from, size);
    text->size += size;
    text->bytes[text->size] = '\0';
}

/* The target as far as there is room, with * for the values of tokens. */
static void hide_tokens(const char *target, struct text *text)
{
    size_t size = strcspn(target, "?");
    append(text, target, size);
    for (const char *c = target + size; *c; c += size) { /* at '?' or '&' */
        size = 1 + strcspn(c + 1, "&");
        size_t name = strcspn(c + 1, "=&");
        bool hidden = c[1 + name] == '=' && is_secret(c + 1, name);
        append(text, c, hidden ? name + 2 : size);
        append(text, "*", hidden ? 1 : 0);
    }
}

void access_log(void *context, const struct http_served *served)
{
    char client[96];
    char target[1024];
    struct text shown = {.size = 0};
    (void)context;
    name_client(served->fd, client, sizeof client);
    hide_tokens(served->target, &shown);
    log_event(
        LOG_LEVEL_INFO, "request",
        "request=%s client=%s method=%.32s target=%s status=%u received=%llu sent=%llu us=%lld%s",
        served->id, client, served->method[0] ? served->method : "-",
        log_quote(target, sizeof target, shown.bytes), served->status,
        (unsigned long long)served->bytes_received, (unsigned long long)served->bytes_sent,
        (long long)(served->duration_ns / 1000), served->client_gone ? " client_gone=1" : "");
}
