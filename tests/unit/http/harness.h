/* SPDX-License-Identifier: Apache-2.0
 *
 * What the HTTP tests share: a server with a small application behind it, and a client that speaks
 * bytes, so that a test can send what no client library would.
 */
#ifndef SITU_TESTS_HTTP_HARNESS_H
#define SITU_TESTS_HTTP_HARNESS_H

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "http/http.h"

enum { APP_WORK = 2048, APP_BODY_LIMIT = 1000, APP_UPLOAD_LIMIT = 8 << 20 };

/* The application. Its paths:
 *   /inline           answered on the listener's thread
 *   /later            answered by the worker thread
 *   /never            not answered
 *   /echo             buffered body of at most APP_BODY_LIMIT bytes, sent back by the worker
 *   /upload?fail=N    streamed body; answers its size, or 422 from the sink on after N bytes
 *   /upload?slow=N    the same, with a sink that takes a piece only when it comes again: 1, the
 *                     worker sees to that; 2, app_resume() on what app_take_held() gives
 *   /refuse           403 at `begin`
 *   /stream?count=N&size=S[&kind=K][&abort=1][&hold=1]   N pieces, held back above 64 KiB pending;
 *                     `hold`: does not end the stream; `kind` as in app_fill(), 0: one letter each
 *   /text?size=N&kind=K[&type=T][&coded=1]   N bytes of text/plain or T from the worker, all at
 *                     once; `coded`: with a Content-Encoding of its own
 *   /query            the parameter `name`, /any: the path, the header X-Probe
 *   /big?size=N       N bytes from the worker */
enum { DRAIN_S = 30 /* how long a producer waits for room before it goes on without */ };

struct app {
    struct http_server *server;
    uint16_t port;
    char unix_path[108];

    pthread_t worker;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct http_request *work[APP_WORK]; /* references */
    size_t work_count;
    bool stop;
    struct http_request *held; /* a reference to the last /never */
    unsigned drained;

    _Atomic unsigned begun, readied, ended, gone;
    _Atomic unsigned paused;   /* how often a sink had no room */
    _Atomic int append_result; /* the last one that was not 0 */
    _Atomic size_t pending_most;

    _Atomic int probe_fd;          /* above 0: /inline is requested there when an upload begins */
    _Atomic size_t uploaded;       /* by the last upload */
    _Atomic size_t uploaded_first; /* what it was when /inline last came */
};

/* Bytes that can be recognised: lines like those of results, or noise. The same each time. */
enum { FILL_LINES = 1, FILL_NOISE = 2 };
void app_fill(char *to, size_t size, unsigned kind, unsigned seed);

/* Starts server and worker. `bodies_bytes` as http_config has it. */
void app_start(struct app *app, unsigned limit, int64_t deadline_ms, uint64_t bodies_bytes);
int app_listen_tcp(struct app *app, const char *certificate, const char *key);
void app_stop(struct app *app);

/* The stream of `hold=1`, or the last /never, once the worker or the listener has published it. The
 * caller drops the reference. */
struct http_request *app_take_held(struct app *app);

/* Answers with a copy of the bytes, from any thread. */
void app_respond(struct http_request *request, unsigned status, const char *type, const void *bytes,
                 size_t size, const char *const *headers);

enum { UPLOAD_SLOW = 1, UPLOAD_HELD = 2 };
void app_resume(struct http_request *request); /* while it runs */

/* Waits up to five seconds for a counter to reach `value`; otherwise fails the test. */
void wait_for(_Atomic unsigned *counter, unsigned value);
void sleep_ms(long ms);

int client_connect(const struct app *app);
int client_try_connect(const struct app *app); /* or a negative errno */
int client_connect_unix(const struct app *app);
void client_send(int fd, const void *bytes, size_t size);
void client_send_text(int fd, const char *text);

/* An answer as received. `body` has no chunk framing. */
struct answer {
    unsigned status; /* 0: the connection ended before a whole head */
    char head[4096];
    char *body; /* owned */
    size_t size;
    size_t wire_size; /* all bytes of the answer */
    bool whole;       /* ended as its framing says */
};
void client_read(int fd, bool head_only, struct answer *ret_answer);
void answer_done(struct answer *answer);
/* Sends, reads, checks the status. */
struct answer client_ask(int fd, const char *text, unsigned status);
/* True if the peer closes within `ms`. */
bool client_closed(int fd, int ms);

#endif
