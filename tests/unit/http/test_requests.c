/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests and answers of the HTTP server: inline and later answers, bodies, targets, streams, byte
 * counts.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"

#define HOST " HTTP/1.1\r\nHost: x\r\n"
#define END HOST "\r\n"

static int setup(void **state)
{
    static struct app app;
    app_start(&app, 100, 5000, 0);
    *state = &app;
    return 0;
}

static int teardown(void **state)
{
    app_stop(*state);
    return 0;
}

static void expect_body(int fd, const char *request, unsigned status, const char *body)
{
    struct answer answer = client_ask(fd, request, status);
    assert_true(answer.whole);
    assert_string_equal(answer.body, body);
    answer_done(&answer);
}

static void test_answers_inline_and_later_on_one_connection(void **state)
{
    struct app *app = *state;
    int fds[] = {client_connect(app), client_connect_unix(app)};
    for (int i = 0; i < 2; i++) {
        for (int round = 0; round < 50; round++) {
            expect_body(fds[i], "GET /inline" END, 200, "inline\n");
            expect_body(fds[i], "GET /later" END, 200, "later\n");
        }
        (void)close(fds[i]);
    }
    wait_for(&app->ended, 200);
    assert_int_equal(atomic_load(&app->gone), 0);
    assert_int_equal(http_server_active(app->server), 0);
}

static void test_head_of_an_answer_holds_nothing_needless(void **state)
{
    struct app *app = *state;
    int fd = client_connect(app);
    struct answer answer = client_ask(fd, "GET /inline" END, 200);
    assert_int_equal(answer.wire_size, strlen("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                                              "Content-Length: 7\r\n\r\ninline\n"));
    answer_done(&answer);
    answer = client_ask(fd, "GET /later" END, 200);
    assert_non_null(strstr(answer.head, "\nX-One: 1\nX-Two: 2\n"));
    answer_done(&answer);
    (void)close(fd);
}

static void test_head_requests_get_no_body(void **state)
{
    struct app *app = *state;
    int fd = client_connect(app);
    struct answer answer = client_ask(fd, "HEAD /later" END, 200);
    assert_non_null(strstr(answer.head, "Content-Length: 6\n"));
    answer_done(&answer);
    expect_body(fd, "GET /inline" END, 200, "inline\n");
    answer = client_ask(fd, "HEAD /stream?count=1000&size=1000" END, 200);
    answer_done(&answer);
    expect_body(fd, "GET /inline" END, 200, "inline\n"); /* not a byte of the body came before */
    (void)close(fd);
}

static void test_pipelined_requests_are_answered_in_order(void **state)
{
    struct app *app = *state;
    int fd = client_connect(app);
    client_send_text(fd, "GET /later" END "GET /inline" END "GET /later" END);
    static const char *const bodies[] = {"later\n", "inline\n", "later\n"};
    for (int i = 0; i < 3; i++) {
        struct answer answer;
        client_read(fd, false, &answer);
        assert_int_equal(answer.status, 200);
        assert_string_equal(answer.body, bodies[i]);
        answer_done(&answer);
    }
    (void)close(fd);
}

static void ask_once(const struct app *app, const char *request, unsigned status, const char *body)
{
    int fd = client_connect(app);
    struct answer answer = client_ask(fd, request, status);
    if (body) {
        assert_string_equal(answer.body, body);
    }
    if (status >= 400) {
        assert_memory_equal(answer.body, "{\"error\":\"", 10);
    }
    answer_done(&answer);
    (void)close(fd);
}

static void test_targets_are_decoded_and_broken_ones_refused(void **state)
{
    struct app *app = *state;
    ask_once(app, "GET /a%20b%2Fc+d/%C3%a9" END, 200, "GET /a b/c+d/\xc3\xa9|(none)");
    ask_once(app, "DELETE http://x:1/abs?q=1" END, 200, "DELETE /abs|(none)");
    ask_once(app, "GET /x HTTP/1.1\r\nHost: x\r\nX-Probe: one two\r\nx-probe: 3\r\n\r\n", 200,
             "GET /x|one two");
    ask_once(app, "GET /a%00b" END, 400, NULL);
    ask_once(app, "GET /a%zz" END, 400, NULL);
    ask_once(app, "GET /a%4" END, 400, NULL);
    ask_once(app, "GET /a?b=%" END, 400, NULL);
    ask_once(app, "GET a" END, 400, NULL);
    ask_once(app, "GET http://x" END, 400, NULL);
    ask_once(app, "GET *" END, 400, NULL);
    assert_int_equal(atomic_load(&app->begun), 3);
}

static void test_query_parameters_are_decoded_and_the_first_counts(void **state)
{
    struct app *app = *state;
    ask_once(app, "GET /query?other=1&name=a+b%2B%26&name=c" END, 200, "a b+&");
    ask_once(app, "GET /query?%6eame=1" END, 200, "1");
    ask_once(app, "GET /query?&&name" END, 200, "");
    ask_once(app, "GET /query?name2=1&xname=2" END, 200, "(none)");
    ask_once(app, "GET /query" END, 200, "(none)");
    ask_once(app, "GET /query?name=a=b?c" END, 200, "a=b?c");
}

static void test_other_methods_are_refused(void **state)
{
    struct app *app = *state;
    int fd = client_connect(app);
    struct answer answer = client_ask(fd, "PATCH /inline" END, 405);
    assert_non_null(strstr(answer.head, "Allow: GET, HEAD, POST, PUT, DELETE\n"));
    answer_done(&answer);
    assert_true(client_closed(fd, 2000));
    (void)close(fd);
    ask_once(app, "BREW /inline" END, 501, NULL);
    ask_once(app, "get /inline" END, 501, NULL);
}

static void test_heads_that_are_too_large_or_ambiguous_are_refused(void **state)
{
    struct app *app = *state;
    ask_once(app,
             "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
             400, NULL);
    static const char *const fields[] = {"Transfer-Encoding: gzip\r\n\r\nabc",
                                         "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
                                         "0\r\n\r\n"};
    struct answer answer;
    int fd = -1;
    for (int i = 0; i < 2; i++) {
        fd = client_connect(app);
        client_send_text(fd, "POST /echo HTTP/1.1\r\nHost: x\r\n");
        answer = client_ask(fd, fields[i], 400);
        answer_done(&answer);
        (void)close(fd);
    }

    cleanup_free char *head = malloc(100000);
    assert_non_null(head);
    for (int in_target = 0; in_target < 2; in_target++) {
        size_t at =
            (size_t)sprintf(head, in_target ? "GET /" : "GET / HTTP/1.1\r\nHost: x\r\nX-Y: ");
        memset(head + at, 'y', 60000);
        (void)sprintf(head + at + 60000, in_target ? END : "\r\n\r\n");
        fd = client_connect(app);
        client_send_text(fd, head);
        client_read(fd, false, &answer);
        assert_int_equal(answer.status, in_target ? 414 : 431);
        answer_done(&answer);
        (void)close(fd);
    }
    assert_int_equal(atomic_load(&app->begun), 0);
}

/* A POST with a body of `size` bytes, in pieces or whole. Caller frees. */
static char *make_post(const char *path, size_t size, bool chunked, const char *fields,
                       size_t *ret_size)
{
    size_t room = size + size / 1000 * 16 + 1024;
    char *text = malloc(room);
    assert_non_null(text);
    size_t at = (size_t)snprintf(text, room, "POST %s HTTP/1.1\r\nHost: x\r\n%s", path, fields);
    if (!chunked) {
        at += (size_t)snprintf(text + at, room - at, "Content-Length: %zu\r\n\r\n", size);
        memset(text + at, 'z', size);
        *ret_size = at + size;
        return text;
    }
    at += (size_t)snprintf(text + at, room - at, "Transfer-Encoding: chunked\r\n\r\n");
    for (size_t done = 0; done < size;) {
        size_t piece = size - done < 1000 ? size - done : 1000;
        at += (size_t)snprintf(text + at, room - at, "%zx\r\n", piece);
        memset(text + at, 'z', piece);
        at += piece;
        done += piece;
        text[at++] = '\r';
        text[at++] = '\n';
    }
    at += (size_t)snprintf(text + at, room - at, "0\r\n\r\n");
    *ret_size = at;
    return text;
}

static void post(int fd, const char *path, size_t size, bool chunked, unsigned status,
                 struct answer *ret_answer)
{
    size_t text_size = 0;
    cleanup_free char *text = make_post(path, size, chunked, "", &text_size);
    client_send(fd, text, text_size);
    client_read(fd, false, ret_answer);
    assert_int_equal(ret_answer->status, status);
    assert_true(ret_answer->whole);
}

static void test_buffered_bodies_up_to_the_limit(void **state)
{
    struct app *app = *state;
    struct answer answer;
    int fd = client_connect(app);
    static const size_t sizes[] = {0, 1, 999, APP_BODY_LIMIT};
    for (size_t i = 0; i < 8; i++) {
        post(fd, "/echo", sizes[i / 2], i % 2, 200, &answer);
        assert_int_equal(answer.size, sizes[i / 2]);
        assert_true(answer.size == 0 || answer.body[answer.size - 1] == 'z');
        answer_done(&answer);
    }
    post(fd, "/echo", APP_BODY_LIMIT + 1, false, 413, &answer);
    answer_done(&answer);
    (void)close(fd);
    fd = client_connect(app);
    post(fd, "/echo", APP_BODY_LIMIT + 1, true, 413, &answer);
    assert_non_null(strstr(answer.body, "larger than this request may be"));
    answer_done(&answer);
    assert_true(client_closed(fd, 2000));
    (void)close(fd);
    fd = client_connect(app);
    post(fd, "/inline", 1, false, 413, &answer);
    answer_done(&answer);
    (void)close(fd);
}

static void test_a_body_announced_too_large_is_refused_before_it_is_sent(void **state)
{
    struct app *app = *state;
    int fd = client_connect(app);
    struct answer answer = client_ask(
        fd, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n", 413);
    answer_done(&answer);
    (void)close(fd);
    fd = client_connect(app);
    answer = client_ask(fd,
                        "POST /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n"
                        "Expect: 100-continue\r\n\r\n",
                        403);
    answer_done(&answer);
    (void)close(fd);
    fd = client_connect(app);
    answer = client_ask(fd,
                        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"
                        "Expect: 100-continue\r\n\r\n",
                        100);
    answer_done(&answer);
    expect_body(fd, "abc", 200, "abc");
    (void)close(fd);
}

static void test_an_answer_at_begin_reaches_a_client_that_sends_on(void **state)
{
    struct app *app = *state;
    struct answer answer;
    int fd = client_connect(app);
    post(fd, "/refuse", 1000, false, 403, &answer); /* small: the connection is kept */
    answer_done(&answer);
    expect_body(fd, "GET /inline" END, 200, "inline\n");
    post(fd, "/refuse", 20 << 20, false, 403, &answer);
    assert_non_null(strstr(answer.head, "Connection: close\n"));
    answer_done(&answer);
    (void)close(fd);
    assert_int_equal(atomic_load(&app->readied), 1);
}

static void test_streamed_bodies(void **state)
{
    struct app *app = *state;
    struct answer answer;
    for (int chunked = 0; chunked < 2; chunked++) {
        int fd = client_connect(app);
        post(fd, "/upload", 5 << 20, chunked, 200, &answer);
        assert_string_equal(answer.body, "5242880");
        answer_done(&answer);
        post(fd, "/upload?fail=100000", 5 << 20, chunked, 422, &answer);
        answer_done(&answer);
        post(fd, "/upload", APP_UPLOAD_LIMIT + 1, chunked, 413, &answer);
        answer_done(&answer);
        (void)close(fd);
    }
    wait_for(&app->ended, 6);
    assert_int_equal(atomic_load(&app->readied), 4);
}

static void test_a_body_waits_for_a_sink_that_has_no_room(void **state)
{
    struct app *app = *state;
    struct answer answer;
    for (int chunked = 0; chunked < 2; chunked++) {
        int fd = client_connect(app);
        post(fd, "/upload?slow=1", 5 << 20, chunked, 200, &answer);
        assert_string_equal(answer.body, "5242880");
        answer_done(&answer);
        post(fd, "/upload?slow=1&fail=100000", 5 << 20, chunked, 422, &answer);
        answer_done(&answer);
        expect_body(fd, "GET /inline" END, 200, "inline\n");
        (void)close(fd);
    }
    assert_true(atomic_load(&app->paused) > 4);
}

static void test_a_large_answer_and_a_slow_reader(void **state)
{
    struct app *app = *state;
    int fd = client_connect(app);
    client_send_text(fd, "GET /big?size=20000000" END);
    sleep_ms(100);
    struct answer answer;
    client_read(fd, false, &answer);
    assert_true(answer.whole);
    assert_int_equal(answer.size, 20000000);
    answer_done(&answer);
    expect_body(fd, "GET /big?size=0" END, 200, "");
    (void)close(fd);
}

static void test_streams_are_whole_and_hold_their_producer_back(void **state)
{
    struct app *app = *state;
    int fd = client_connect(app);
    client_send_text(fd, "GET /stream?count=2600&size=4000" END);
    sleep_ms(200); /* the socket's buffers fill */
    struct answer answer;
    client_read(fd, false, &answer);
    assert_true(answer.whole);
    assert_int_equal(answer.size, 2600 * 4000);
    for (size_t i = 0; i < 2600; i++) {
        char piece[4000];
        memset(piece, 'a' + (int)(i % 26), sizeof(piece));
        assert_memory_equal(answer.body + i * sizeof(piece), piece, sizeof(piece));
    }
    answer_done(&answer);
    assert_in_range(atomic_load(&app->pending_most), 1, 64 * 1024 + 4000);
    (void)close(fd);
    fd = client_connect(app); /* the other may have been idle for long if this client is slow */
    answer = client_ask(fd, "GET /stream?count=0&size=0" END, 200);
    assert_true(answer.whole);
    assert_int_equal(answer.size, 0);
    answer_done(&answer);
    (void)close(fd);
}

static void test_an_aborted_stream_is_seen_to_be_cut(void **state)
{
    struct app *app = *state;
    int fd = client_connect(app);
    client_send_text(fd, "GET /stream?count=3&size=10&hold=1" END);
    struct pollfd head_is_here = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&head_is_here, 1, 5000), 1);
    struct http_request *request = app_take_held(app);
    http_stream_end(request, true);
    struct answer answer;
    client_read(fd, false, &answer);
    assert_int_equal(answer.status, 200);
    assert_false(answer.whole);
    answer_done(&answer);
    (void)close(fd);
    wait_for(&app->gone, 1);
    http_request_unref(request);
}

static void test_a_stream_aborted_at_once_is_cut_wherever_it_was(void **state)
{
    struct app *app = *state;
    int fd = client_connect(app);
    client_send_text(fd, "GET /stream?count=3&size=10&abort=1" END);
    struct answer answer;
    client_read(fd, false, &answer); /* perhaps not even the head of it */
    assert_false(answer.whole);
    answer_done(&answer);
    (void)close(fd);
    wait_for(&app->gone, 1);
}

static void test_a_stream_waits_for_its_producer(void **state)
{
    struct app *app = *state;
    int fd = client_connect(app);
    client_send_text(fd, "GET /stream?count=1&size=10&hold=1" END);
    struct http_request *request = app_take_held(app);
    sleep_ms(50); /* it is sent, and suspended */
    assert_int_equal(http_stream_append(request, "more", 4), 0);
    sleep_ms(20);
    assert_int_equal(http_stream_append(request, "", 0), 0);
    assert_int_equal(http_stream_append(request, "!", 1), 0);
    http_stream_end(request, false);
    assert_true(http_stream_append(request, "late", 4) < 0);
    struct answer answer;
    client_read(fd, false, &answer);
    assert_true(answer.whole);
    assert_string_equal(answer.body, "aaaaaaaaaamore!");
    answer_done(&answer);
    http_request_unref(request);
    (void)close(fd);
}

/* The server accepts and drops a connection on its own thread, a moment after the client. */
static void wait_for_connections(const struct app *app, uint64_t count)
{
    struct http_totals totals;
    http_server_totals(app->server, &totals);
    for (int i = 0; i < 5000 && totals.connections != count; i++) {
        sleep_ms(1);
        http_server_totals(app->server, &totals);
    }
    assert_int_equal(totals.connections, count);
}

static void check_totals(const struct app *app, int fd, bool by_kernel)
{
    static const char *const requests[] = {
        "GET /inline" END,
        "GET /later" END,
        "HEAD /later" END,
        "GET /stream?count=20&size=100" END,
        "GET /stream?count=200&size=500&kind=1" HOST "Accept-Encoding: zstd\r\n\r\n",
        "GET /text?size=5000&kind=1" HOST "Accept-Encoding: gzip\r\n\r\n",
        "HEAD /text?size=5000&kind=1" HOST "Accept-Encoding: gzip\r\n\r\n",
    };
    const unsigned count = sizeof(requests) / sizeof(requests[0]);
    struct http_totals before;
    struct http_totals after;
    uint64_t sent = 0;
    uint64_t received = 0;
    wait_for_connections(app, 1);
    http_server_totals(app->server, &before);
    for (unsigned i = 0; i < count; i++) {
        struct answer answer = client_ask(fd, requests[i], 200);
        sent += strlen(requests[i]);
        received += answer.wire_size;
        answer_done(&answer);
    }
    if (by_kernel) { /* the kernel counts before the end */
        http_server_totals(app->server, &after);
        assert_int_equal(after.bytes_received - before.bytes_received, sent);
        assert_int_equal(after.connections, 1);
    }
    (void)close(fd);
    wait_for_connections(app, 0);
    http_server_totals(app->server, &after);
    assert_int_equal(after.bytes_received - before.bytes_received, sent);
    assert_int_equal(after.bytes_sent - before.bytes_sent, received);
    assert_int_equal(after.requests - before.requests, count);
}

static void test_totals_equal_what_the_client_sent_and_received(void **state)
{
    struct app *app = *state;
    check_totals(app, client_connect(app), true);
    check_totals(app, client_connect_unix(app), false);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(answers_inline_and_later_on_one_connection),
        TEST(head_of_an_answer_holds_nothing_needless),
        TEST(head_requests_get_no_body),
        TEST(pipelined_requests_are_answered_in_order),
        TEST(targets_are_decoded_and_broken_ones_refused),
        TEST(query_parameters_are_decoded_and_the_first_counts),
        TEST(other_methods_are_refused),
        TEST(heads_that_are_too_large_or_ambiguous_are_refused),
        TEST(buffered_bodies_up_to_the_limit),
        TEST(a_body_announced_too_large_is_refused_before_it_is_sent),
        TEST(an_answer_at_begin_reaches_a_client_that_sends_on),
        TEST(streamed_bodies),
        TEST(a_body_waits_for_a_sink_that_has_no_room),
        TEST(a_large_answer_and_a_slow_reader),
        TEST(streams_are_whole_and_hold_their_producer_back),
        TEST(an_aborted_stream_is_seen_to_be_cut),
        TEST(a_stream_aborted_at_once_is_cut_wherever_it_was),
        TEST(a_stream_waits_for_its_producer),
        TEST(totals_equal_what_the_client_sent_and_received),
    };
    return cmocka_run_group_tests_name("http requests", tests, NULL, NULL);
}
