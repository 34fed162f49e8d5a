/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs on the listeners' threads, after each request.
 */
#include "api/access_log.h"

#include <string.h>

#include "api/peer.h"
#include "base/log.h"

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
    peer_describe(served->fd, client, sizeof client);
    hide_tokens(served->target, &shown);
    log_event(
        LOG_LEVEL_INFO, "request",
        "request=%s client=%s method=%.32s target=%s status=%u received=%llu sent=%llu us=%lld%s",
        served->id, client, served->method[0] ? served->method : "-",
        log_quote(target, sizeof target, shown.bytes), served->status,
        (unsigned long long)served->bytes_received, (unsigned long long)served->bytes_sent,
        (long long)(served->duration_ns / 1000), served->client_gone ? " client_gone=1" : "");
}
