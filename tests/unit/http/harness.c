/* SPDX-License-Identifier: Apache-2.0
 *
 * The application and the client of the HTTP tests.
 */
#include "harness.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { STREAM_HIGH = 64 * 1024, STREAM_LOW = 16 * 1024 };

void sleep_ms(long ms)
{
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    (void)nanosleep(&time, NULL);
}

void wait_for(_Atomic unsigned *counter, unsigned value)
{
    for (int i = 0; i < 20000 && atomic_load(counter) < value; i++) {
        sleep_ms(1);
    }
    assert_int_equal(atomic_load(counter), value);
}

static size_t number(const struct http_request *request, const char *name)
{
    const char *text = http_request_query(request, name);
    return text ? strtoul(text, NULL, 10) : 0;
}

static bool is_path(const struct http_request *request, const char *path)
{
    return strcmp(http_request_path(request), path) == 0;
}

struct upload {
    struct app *app;
    struct http_request *request;
    size_t slow;
    atomic_bool has_room;
    size_t size;
    size_t fail;
    bool failed;
};

static void queue_work(struct app *app, struct http_request *request)
{
    HOLD(&app->lock);
    if (app->work_count == APP_WORK) {
        abort(); /* not the test's thread */
    }
    app->work[app->work_count++] = http_request_ref(request);
    (void)pthread_cond_broadcast(&app->changed);
}

static void hold(struct app *app, struct http_request *request)
{
    HOLD(&app->lock);
    http_request_unref(app->held);
    app->held = http_request_ref(request);
}

void app_resume(struct http_request *request)
{
    struct upload *upload = http_request_user(request);
    atomic_store(&upload->has_room, true);
    http_body_resume(request);
}

/* What a client has sent is in the server's socket once the kernel has acknowledged it; on a loaded
 * machine this may take some rounds of the loop. */
static void wait_until_received(int fd)
{
    int waiting = 1;
    for (int i = 0; i < 5000 && waiting > 0; i++) {
        assert_int_equal(ioctl(fd, SIOCOUTQ, &waiting), 0);
        (void)usleep(waiting > 0 ? 1000 : 0);
    }
    assert_int_equal(waiting, 0);
}

static int upload_sink(void *context, const void *bytes, size_t size)
{
    struct upload *upload = context;
    (void)bytes;
    if (upload->slow && !atomic_exchange(&upload->has_room, false)) {
        if (upload->slow == UPLOAD_SLOW) {
            queue_work(upload->app, upload->request);
        } else {
            hold(upload->app, upload->request);
        }
        atomic_fetch_add(&upload->app->paused, 1);
        return HTTP_SINK_FULL;
    }
    int probe_fd = atomic_load(&upload->app->probe_fd);
    if (upload->size == 0 && probe_fd > 0) {
        client_send_text(probe_fd, "GET /inline HTTP/1.1\r\nHost: x\r\n\r\n");
        wait_until_received(probe_fd);
    }
    upload->size += size;
    atomic_store(&upload->app->uploaded, upload->size);
    if (upload->fail && upload->size >= upload->fail) {
        upload->failed = true;
        return -EINVAL;
    }
    return 0;
}

static void app_begin(void *context, struct http_request *request)
{
    struct app *app = context;
    atomic_fetch_add(&app->begun, 1);
    if (is_path(request, "/refuse")) {
        http_respond_error(request, 403, "not for you");
    } else if (is_path(request, "/echo")) {
        http_accept_body(request, APP_BODY_LIMIT);
    } else if (is_path(request, "/upload")) {
        struct upload *upload = calloc(1, sizeof(*upload));
        if (!upload) {
            abort(); /* not the test's thread */
        }
        upload->fail = number(request, "fail");
        upload->slow = number(request, "slow");
        upload->app = app;
        upload->request = request;
        http_request_set_user(request, upload);
        http_accept_stream(request, APP_UPLOAD_LIMIT, upload_sink, upload);
    }
}

static void respond_buffer(struct http_request *request, unsigned status, const char *type,
                           struct buffer *body, const char *const *headers)
{
    (void)http_prepare_buffer(request, status, type, body, headers);
    http_respond_prepared(request);
}

void app_respond(struct http_request *request, unsigned status, const char *type, const void *bytes,
                 size_t size, const char *const *headers)
{
    struct buffer body = BUFFER_INIT;
    buffer_append(&body, bytes, size);
    respond_buffer(request, status, type, &body, headers);
}

static void app_ready(void *context, struct http_request *request)
{
    struct app *app = context;
    atomic_fetch_add(&app->readied, 1);
    if (is_path(request, "/inline")) {
        atomic_store(&app->uploaded_first, atomic_load(&app->uploaded));
        app_respond(request, 200, "text/plain", "inline\n", 7, NULL);
    } else if (is_path(request, "/never")) {
        hold(app, request);
    } else if (is_path(request, "/upload")) {
        const struct upload *upload = http_request_user(request);
        char text[32];
        (void)snprintf(text, sizeof(text), "%zu", upload->size);
        app_respond(request, upload->failed ? 422 : 200, "text/plain", text, strlen(text), NULL);
    } else if (is_path(request, "/query")) {
        const char *name = http_request_query(request, "name");
        name = name ? name : "(none)";
        app_respond(request, 200, "text/plain", name, strlen(name), NULL);
    } else {
        queue_work(app, request);
    }
}

static void app_end(void *context, struct http_request *request, bool client_gone)
{
    struct app *app = context;
    if (is_path(request, "/upload")) {
        free(http_request_user(request));
    }
    if (client_gone) {
        atomic_fetch_add(&app->gone, 1);
    }
    atomic_fetch_add(&app->ended, 1);
}

static void app_drained(void *context)
{
    struct app *app = context;
    HOLD(&app->lock);
    app->drained++;
    (void)pthread_cond_broadcast(&app->changed);
}

/* As a producer should: above the high mark it waits for `drained`, but checks again first. */
static void hold_back(struct app *app, struct http_request *request)
{
    HOLD(&app->lock);
    while (http_stream_pending(request) > STREAM_HIGH && !app->stop) {
        struct timespec until;
        (void)clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += DRAIN_S;
        unsigned seen = app->drained;
        int r = 0;
        while (app->drained == seen && r == 0 && !app->stop) {
            r = pthread_cond_timedwait(&app->changed, &app->lock, &until);
        }
        if (r != 0) {
            return; /* not drained: the test detects pending_most, or the missing end */
        }
    }
}

void app_fill(char *to, size_t size, unsigned kind, unsigned seed)
{
    size_t at = 0;
    unsigned state = seed * 2654435761U + 1;
    while (at < size) {
        state = state * 1664525U + 1013904223U;
        char line[80];
        int length = 1;
        if (kind == FILL_LINES) {
            length =
                snprintf(line, sizeof(line), "{\"object\":\"photos/%u.jpg\",\"score\":0.%05u}\n",
                         seed, state >> 16);
        } else {
            line[0] = (char)(state >> 24);
        }
        size_t piece = (size_t)length < size - at ? (size_t)length : size - at;
        memcpy(to + at, line, piece);
        at += piece;
    }
}

static void produce(struct app *app, struct http_request *request)
{
    size_t count = number(request, "count");
    size_t size = number(request, "size");
    unsigned kind = (unsigned)number(request, "kind");
    cleanup_free char *piece = malloc(size + 1);
    if (!piece) {
        abort(); /* not the test's thread */
    }
    http_stream_begin(request, "application/x-ndjson", NULL, STREAM_LOW, app_drained, app);
    for (size_t i = 0; i < count; i++) {
        if (kind) {
            app_fill(piece, size, kind, (unsigned)i);
        } else {
            memset(piece, 'a' + (int)(i % 26), size);
        }
        int r = http_stream_append(request, piece, size);
        if (r < 0) {
            atomic_store(&app->append_result, r);
            break;
        }
        size_t pending = http_stream_pending(request);
        if (pending > atomic_load(&app->pending_most)) {
            atomic_store(&app->pending_most, pending);
        }
        if (pending > STREAM_HIGH) {
            hold_back(app, request);
        }
    }
    if (!http_request_query(request, "hold")) {
        http_stream_end(request, http_request_query(request, "abort") != NULL);
        return;
    }
    HOLD(&app->lock);
    http_request_unref(app->held);
    app->held = http_request_ref(request);
}

static void respond_big(struct http_request *request)
{
    struct buffer body = BUFFER_INIT;
    size_t size = number(request, "size");
    char *to = buffer_reserve(&body, size + 1);
    if (!to) {
        abort(); /* not the test's thread */
    }
    memset(to, 'b', size);
    body.size = size;
    respond_buffer(request, 200, "application/octet-stream", &body, NULL);
}

static void respond_text(struct http_request *request)
{
    static const char *const coded[] = {"Content-Encoding", "x-own", NULL};
    struct buffer body = BUFFER_INIT;
    size_t size = number(request, "size");
    const char *type = http_request_query(request, "type");
    char *to = buffer_reserve(&body, size + 1);
    if (!to) {
        abort(); /* not the test's thread */
    }
    app_fill(to, size, (unsigned)number(request, "kind"), 7);
    body.size = size;
    respond_buffer(request, 200, type ? type : "text/plain", &body,
                   http_request_query(request, "coded") ? coded : NULL);
}

static void work_on(struct app *app, struct http_request *request)
{
    static const char *const fields[] = {"X-One", "1", "X-Two", "2", NULL};
    if (is_path(request, "/stream")) {
        produce(app, request);
    } else if (is_path(request, "/upload")) {
        app_resume(request);
    } else if (is_path(request, "/echo")) {
        size_t size = 0;
        const void *body = http_request_body(request, &size);
        app_respond(request, 200, "application/octet-stream", body, size, NULL);
    } else if (is_path(request, "/big")) {
        respond_big(request);
    } else if (is_path(request, "/text")) {
        respond_text(request);
    } else if (is_path(request, "/later")) {
        app_respond(request, 200, "text/plain", "later\n", 6, fields);
    } else {
        const char *probe = http_request_header(request, "x-PROBE");
        char text[4096];
        (void)snprintf(text, sizeof(text), "%s %s|%s", http_request_method(request),
                       http_request_path(request), probe ? probe : "(none)");
        app_respond(request, 200, "text/plain", text, strlen(text), NULL);
    }
}

static void *work(void *context)
{
    struct app *app = context;
    for (;;) {
        struct http_request *request = NULL;
        {
            HOLD(&app->lock);
            while (app->work_count == 0 && !app->stop) {
                (void)pthread_cond_wait(&app->changed, &app->lock);
            }
            if (app->work_count == 0) {
                return NULL;
            }
            request = app->work[0];
            app->work_count--;
            memmove(app->work, app->work + 1, app->work_count * sizeof(struct http_request *));
        }
        work_on(app, request);
        http_request_unref(request);
    }
}

int app_listen_tcp(struct app *app, const char *certificate, const char *key)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    assert_int_equal(listen(fd, 1024), 0);
    app->port = ntohs(address.sin_port);
    struct http_listener listener = {
        .fd = fd, .tls_certificate = certificate, .tls_key = key, .user = app};
    struct error error = {0};
    int r = http_server_listen(app->server, &listener, &error);
    if (r < 0 && !certificate) {
        fail_msg("%s", error.message);
    }
    return r;
}

static void listen_unix(struct app *app)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *directory = getenv("TMPDIR");
    (void)snprintf(app->unix_path, sizeof(app->unix_path), "%s/situ-http-%d.sock",
                   directory ? directory : "/tmp", (int)getpid());
    (void)unlink(app->unix_path);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", app->unix_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 1024), 0);
    struct http_listener listener = {.fd = fd, .user = NULL};
    struct error error = {0};
    assert_int_equal(http_server_listen(app->server, &listener, &error), 0);
}

void app_start(struct app *app, unsigned limit, int64_t deadline_ms, uint64_t bodies_bytes)
{
    *app = (struct app){0};
    (void)pthread_mutex_init(&app->lock, NULL);
    (void)pthread_cond_init(&app->changed, NULL);
    struct http_config config = {.connection_limit = limit,
                                 .header_ms = deadline_ms,
                                 .body_ms = deadline_ms,
                                 .idle_ms = deadline_ms,
                                 .bodies_bytes = bodies_bytes,
                                 .stall_ms = 300};
    struct http_handler handler = {
        .begin = app_begin, .ready = app_ready, .end = app_end, .context = app};
    struct error error = {0};
    assert_int_equal(http_server_new(&config, &handler, &app->server, &error), 0);
    assert_int_equal(app_listen_tcp(app, NULL, NULL), 0);
    listen_unix(app);
    assert_int_equal(pthread_create(&app->worker, NULL, work, app), 0);
}

void app_stop(struct app *app)
{
    http_server_free(app->server);
    app->server = NULL;
    {
        HOLD(&app->lock);
        app->stop = true;
        (void)pthread_cond_broadcast(&app->changed);
    }
    (void)pthread_join(app->worker, NULL);
    http_request_unref(app->held);
    app->held = NULL;
    assert_int_equal(atomic_load(&app->begun), atomic_load(&app->ended));
    (void)unlink(app->unix_path);
    (void)pthread_cond_destroy(&app->changed);
    (void)pthread_mutex_destroy(&app->lock);
}

struct http_request *app_take_held(struct app *app)
{
    struct http_request *request = NULL;
    for (int i = 0; i < 5000 && !request; i++) {
        sleep_ms(1);
        HOLD(&app->lock);
        request = take_ptr(app->held);
    }
    assert_non_null(request);
    return request;
}

int client_try_connect(const struct app *app)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(app->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    cleanup_fd int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        return -errno;
    }
    return take_fd(&fd);
}

int client_connect(const struct app *app)
{
    int fd = client_try_connect(app);
    assert_true(fd >= 0);
    return fd;
}

int client_connect_unix(const struct app *app)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", app->unix_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

void client_send(int fd, const void *bytes, size_t size)
{
    const char *at = bytes;
    while (size > 0) {
        ssize_t sent = send(fd, at, size, MSG_NOSIGNAL);
        if (sent <= 0) {
            return; /* the answer, or its absence, shows the result */
        }
        at += sent;
        size -= (size_t)sent;
    }
}

void client_send_text(int fd, const char *text)
{
    client_send(fd, text, strlen(text));
}

/* Reads exactly `size` bytes into the body; false at the connection's end. */
static bool read_body(int fd, struct answer *answer, size_t size)
{
    answer->body = realloc(answer->body, answer->size + size + 1);
    assert_non_null(answer->body);
    while (size > 0) {
        ssize_t got = recv(fd, answer->body + answer->size, size, 0);
        if (got <= 0) {
            return false;
        }
        answer->size += (size_t)got;
        answer->wire_size += (size_t)got;
        size -= (size_t)got;
    }
    answer->body[answer->size] = '\0';
    return true;
}

static bool read_line(int fd, struct answer *answer, char *line, size_t size)
{
    size_t at = 0;
    char c = 0;
    while (at + 1 < size) {
        if (recv(fd, &c, 1, 0) != 1) {
            return false;
        }
        answer->wire_size++;
        if (c == '\n') {
            line[at] = '\0';
            return true;
        }
        if (c != '\r') {
            line[at++] = c;
        }
    }
    return false;
}

static bool read_chunks(int fd, struct answer *answer)
{
    char line[64];
    while (read_line(fd, answer, line, sizeof(line))) {
        size_t size = strtoul(line, NULL, 16);
        if (size > 0 && !read_body(fd, answer, size)) {
            return false;
        }
        if (!read_line(fd, answer, line, sizeof(line)) || line[0] != '\0') {
            return false;
        }
        if (size == 0) {
            return true;
        }
    }
    return false;
}

void client_read(int fd, bool head_only, struct answer *ret_answer)
{
    struct timeval patience = {.tv_sec = 10};
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    *ret_answer = (struct answer){0};
    size_t at = 0;
    char line[1024];
    bool chunked = false;
    size_t length = 0;
    do {
        if (!read_line(fd, ret_answer, line, sizeof(line))) {
            return;
        }
        int n = snprintf(ret_answer->head + at, sizeof(ret_answer->head) - at, "%s\n", line);
        at += (size_t)n;
        assert_true(at < sizeof(ret_answer->head));
        if (strncasecmp(line, "Content-Length: ", 16) == 0) {
            length = strtoul(line + 16, NULL, 10);
        }
        chunked = chunked || strcasecmp(line, "Transfer-Encoding: chunked") == 0;
    } while (line[0] != '\0');
    assert_memory_equal(ret_answer->head, "HTTP/1.1 ", 9);
    ret_answer->status = (unsigned)strtoul(ret_answer->head + 9, NULL, 10);
    if (head_only || ret_answer->status == 100 || ret_answer->status == 204) {
        ret_answer->whole = true;
    } else if (chunked) {
        ret_answer->whole = read_chunks(fd, ret_answer);
    } else {
        ret_answer->whole = read_body(fd, ret_answer, length);
    }
}

void answer_done(struct answer *answer)
{
    free(answer->body);
    *answer = (struct answer){0};
}

struct answer client_ask(int fd, const char *text, unsigned status)
{
    struct answer answer;
    client_send_text(fd, text);
    client_read(fd, strncmp(text, "HEAD", 4) == 0, &answer);
    assert_int_equal(answer.status, status);
    return answer;
}

bool client_closed(int fd, int ms)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    char byte = 0;
    while (poll(&poll_fd, 1, ms) > 0) {
        if (recv(fd, &byte, 1, 0) <= 0) {
            return true;
        }
    }
    return false;
}
