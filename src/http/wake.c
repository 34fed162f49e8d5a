/* SPDX-License-Identifier: Apache-2.0
 *
 * Wakes a connection's thread, the watcher, or a suspended request. Any thread, unless a function
 * says otherwise.
 */
#include <unistd.h>

#include "http/state.h"

void http_connection_wake(struct http_connection *connection)
{
    struct http_loop *loop = connection->loop;
    HOLD(&loop->lock);
    if (connection->woken) {
        return;
    }
    connection->woken = true;
    connection->woken_next = NULL;
    if (loop->woken) {
        loop->woken_last->woken_next = connection;
        loop->woken_last = connection;
        return;
    }
    loop->woken = loop->woken_last = connection;
    uint64_t one = 1;
    (void)!write(loop->event_fd, &one, sizeof(one));
}

void http_connection_forget(struct http_connection *connection)
{
    struct http_loop *loop = connection->loop;
    if (connection->previous) {
        connection->previous->next = connection->next;
    } else {
        loop->first = connection->next;
    }
    if (connection->next) {
        connection->next->previous = connection->previous;
    }
    HOLD(&loop->lock);
    if (!connection->woken) {
        return;
    }
    struct http_connection *before = NULL;
    for (struct http_connection **at = &loop->woken; *at; at = &(*at)->woken_next) {
        if (*at == connection) {
            *at = connection->woken_next;
            loop->woken_last = loop->woken_last == connection ? before : loop->woken_last;
            return;
        }
        before = *at;
    }
}

void http_watch_wake(const struct http_server *server)
{
    uint64_t one = 1;
    (void)!write(server->event_fd, &one, sizeof(one));
}

void http_request_resume(struct http_request *request)
{
    if (request->suspended) {
        request->suspended = false;
        http_connection_wake(request->live);
    }
}
