/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory for buffered bodies, limited for all of them together. A body is admitted at its head by
 * its Content-Length; one of unknown size (chunked, encoded) asks again as it grows. Bodies without
 * a place wait in order, and nothing is read from their clients meanwhile; a client that has sent
 * nothing of its body waits behind all that have. A place becomes free when a request ends, or when
 * a body that stalls loses its place to the next one. Bodies up to 1/4096 of the limit are always
 * admitted, so that small requests never wait for large ones.
 */
#include <sys/ioctl.h>

#include "http/state.h"

enum { SMALL_PART = 4096, STALL_BYTES = 4096 };

/* Each function down to admit_waiting() is called with server->lock held. */

static bool fits(const struct http_server *server, const struct http_request *request,
                 uint64_t bytes)
{
    uint64_t bound = server->config.bodies_bytes;
    return bound == 0 || request->reserved + bytes <= bound / SMALL_PART ||
           (bytes <= bound && server->body_bytes <= bound - bytes);
}

static void take(struct http_server *server, struct http_request *request, uint64_t bytes)
{
    request->reserved += bytes;
    server->body_bytes += bytes;
}

static void wait_in_line(struct http_server *server, struct http_request *request, uint64_t bytes)
{
    request->wanted = bytes;
    request->waiting_since_ns = clock_now_ns();
    request->place_next = NULL;
    if (server->last_waiting) {
        server->last_waiting->place_next = request;
    } else {
        server->first_waiting = request;
    }
    server->last_waiting = request;
}

static void leave_line(struct http_server *server, struct http_request *request)
{
    struct http_request *before = NULL;
    struct http_request *at = server->first_waiting;
    while (at && at != request) {
        before = at;
        at = at->place_next;
    }
    if (!at) {
        return;
    }
    if (before) {
        before->place_next = request->place_next;
    } else {
        server->first_waiting = request->place_next;
    }
    if (server->last_waiting == request) {
        server->last_waiting = before;
    }
    request->wanted = 0;
    request->place_next = NULL;
}

/* Whether its client has sent part of the body. What came with the head was read already. */
static bool has_sent(struct http_request *request)
{
    int size = 0;
    request->has_sent =
        request->has_sent || (ioctl(request->connection->fd, FIONREAD, &size) == 0 && size > 0);
    return request->has_sent;
}

/* The request that is admitted next, and for which others are evicted. */
static struct http_request *next_waiting(struct http_server *server)
{
    struct http_request *at = server->first_waiting;
    while (at && !has_sent(at)) {
        at = at->place_next;
    }
    return at ? at : server->first_waiting;
}

/* In order, so that smaller bodies do not overtake a waiting large one forever. */
static void admit_waiting(struct http_server *server)
{
    struct http_request *request = NULL;
    while ((request = next_waiting(server)) && fits(server, request, request->wanted)) {
        take(server, request, request->wanted);
        leave_line(server, request);
        atomic_store(&request->progress_ns, clock_now_ns());
        http_connection_wake(request->connection);
    }
}

/* Whether it may overtake those that wait. */
static bool is_first(struct http_server *server, struct http_request *request)
{
    struct http_request *next = next_waiting(server);
    return !next || (!next->has_sent && has_sent(request));
}

bool http_place_reserve(struct http_request *request, uint64_t bytes, bool begun)
{
    struct http_server *server = request->server;
    HOLD(&server->lock);
    if (request->wanted > 0) {
        return false;
    }
    request->has_sent = request->has_sent || begun;
    bool small = server->config.bodies_bytes > 0 &&
                 request->reserved + bytes <= server->config.bodies_bytes / SMALL_PART;
    if (fits(server, request, bytes) && (small || is_first(server, request))) {
        take(server, request, bytes);
        atomic_store(&request->progress_ns, clock_now_ns());
        return true;
    }
    wait_in_line(server, request, bytes);
    return false;
}

void http_place_progress(struct http_request *request, size_t bytes)
{
    if (atomic_load_explicit(&request->progress_ns, memory_order_relaxed) == 0) {
        return;
    }
    request->progress_bytes += bytes;
    if (request->progress_bytes >= STALL_BYTES) {
        request->progress_bytes = 0;
        atomic_store_explicit(&request->progress_ns, clock_now_ns(), memory_order_relaxed);
    }
}

void http_place_release(struct http_request *request)
{
    struct http_server *server = request->server;
    atomic_store(&request->progress_ns, 0);
    HOLD(&server->lock);
    if (request->reserved == 0 && request->wanted == 0) {
        return;
    }
    leave_line(server, request);
    server->body_bytes -= request->reserved;
    request->reserved = 0;
    admit_waiting(server);
}

/* Each function down to evict_late() is called with server->lock held. */

static void evict(struct http_request *request)
{
    atomic_store(&request->evicted, true);
    atomic_store(&request->progress_ns, 0);
    http_connection_wake(request->connection);
}

/* The request that has stalled longest, and long enough; not `next` itself. */
static struct http_request *find_stalled(struct http_server *server,
                                         const struct http_request *next, int64_t now_ns)
{
    struct http_request *stalled = NULL;
    int64_t oldest_ns = now_ns - server->config.stall_ms * NS_PER_MS;
    for (size_t i = 0; i < server->connections_size; i++) {
        struct http_connection *connection = server->connections[i];
        struct http_request *request = connection ? connection->request : NULL;
        if (!request || request == next || request->reserved == 0) {
            continue;
        }
        int64_t progress_ns = atomic_load(&request->progress_ns);
        if (progress_ns != 0 && progress_ns < oldest_ns) {
            oldest_ns = progress_ns;
            stalled = request;
        }
    }
    return stalled;
}

static void evict_late(struct http_server *server, int64_t now_ns)
{
    for (struct http_request *at = server->first_waiting; at; at = at->place_next) {
        if (at->waiting_since_ns + server->config.body_ms * NS_PER_MS <= now_ns &&
            !atomic_load(&at->evicted)) {
            evict(at);
        }
    }
}

bool http_place_check(struct http_server *server, int64_t now_ns)
{
    HOLD(&server->lock);
    evict_late(server, now_ns);
    admit_waiting(server); /* those that have begun to send come first */
    const struct http_request *next = next_waiting(server);
    if (!next) {
        return false;
    }
    uint64_t bound = server->config.bodies_bytes;
    uint64_t room = server->body_bytes < bound ? bound - server->body_bytes : 0;
    struct http_request *stalled = NULL;
    while (room < next->wanted && (stalled = find_stalled(server, next, now_ns))) {
        room += stalled->reserved;
        evict(stalled);
    }
    return true;
}
