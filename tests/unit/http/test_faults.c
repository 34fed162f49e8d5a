/* SPDX-License-Identifier: Apache-2.0
 *
 * The HTTP server against clients that leave, trickle, idle or come in crowds, and its own end
 * while requests run. Deadlines are some hundred milliseconds here.
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
#define CODED HOST "Accept-Encoding: "

enum { CROWD = 1000, TRICKLERS = 200, BUSY = 20 };

static int teardown(void **state)
{
    app_stop(*state);
    return 0;
}

static int setup_patient(void **state)
{
    static struct app app;
    app_start(&app, 50, 20000, 0);
    *state = &app;
    return 0;
}

static int setup_strict(void **state)
{
    static struct app app;
    app_start(&app, 1500, 400, 0);
    *state = &app;
    return 0;
}

static uint64_t timeouts(const struct app *app)
{
    struct http_totals totals;
    http_server_totals(app->server, &totals);
    return totals.timeouts;
}

static void expect_inline(int fd)
{
    struct answer answer = client_ask(fd, "GET /inline" END, 200);
    assert_string_equal(answer.body, "inline\n");
    answer_done(&answer);
}

static void test_a_client_that_leaves_ends_its_waiting_request(void **state)
{
    struct app *app = *state;
    for (int is_unix = 0; is_unix < 2; is_unix++) {
        int fd = is_unix ? client_connect_unix(app) : client_connect(app);
        client_send_text(fd, "GET /never" END);
        wait_for(&app->readied, 1 + (unsigned)is_unix);
        assert_int_equal(http_server_active(app->server), 1);
        (void)close(fd);
        wait_for(&app->gone, 1 + (unsigned)is_unix);
        wait_for(&app->ended, 1 + (unsigned)is_unix);
        struct http_request *request = app_take_held(app);
        assert_string_equal(http_request_path(request), "/never"); /* a holder may still look */
        app_respond(request, 200, NULL, "late", 4, NULL);          /* and answer: ignored */
        http_stream_begin(request, NULL, NULL, 0, NULL, NULL);
        assert_int_equal(http_stream_append(request, "x", 1), -EPIPE);
        http_stream_end(request, false);
        http_request_unref(request);
    }
    assert_int_equal(http_server_active(app->server), 0);
}

static void test_a_reset_ends_a_waiting_request(void **state)
{
    struct app *app = *state;
    int fd = client_connect(app);
    client_send_text(fd, "GET /never" END);
    wait_for(&app->readied, 1);
    struct linger hard = {.l_onoff = 1, .l_linger = 0};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)), 0);
    (void)close(fd);
    wait_for(&app->gone, 1);
}

static void test_a_client_that_left_before_its_request_is_read(void **state)
{
    struct app *app = *state;
    for (unsigned i = 0; i < 20; i++) {
        int fd = client_connect(app);
        client_send_text(fd, "GET /never" END);
        (void)close(fd);
    }
    int last = client_connect(app); /* once it has its answer, all before it are accepted */
    struct answer answer = client_ask(last, "GET /inline" END, 200);
    answer_done(&answer);
    (void)close(last);
    for (int i = 0; i < 20000 && (http_server_active(app->server) > 0 || timeouts(app) > 0); i++) {
        sleep_ms(1);
    }
    assert_int_equal(http_server_active(app->server), 0);
    struct http_totals totals;
    for (int i = 0; i < 20000; i++) {
        http_server_totals(app->server, &totals);
        if (totals.connections == 0) {
            break;
        }
        sleep_ms(1);
    }
    assert_int_equal(totals.connections, 0);
}

static void test_half_closed_clients(void **state)
{
    struct app *app = *state;
    int fd = client_connect_unix(app);
    client_send_text(fd, "GET /never" END);
    wait_for(&app->readied, 1);
    (void)shutdown(fd, SHUT_WR);
    sleep_ms(100);
    assert_int_equal(atomic_load(&app->ended), 0); /* a unix socket tells this from a close */
    struct http_request *request = app_take_held(app);
    app_respond(request, 200, NULL, "here", 4, NULL);
    http_request_unref(request);
    struct answer answer;
    client_read(fd, false, &answer);
    assert_int_equal(answer.status, 200);
    answer_done(&answer);
    (void)close(fd);

    fd = client_connect(app);
    client_send_text(fd, "GET /never" END);
    wait_for(&app->readied, 2);
    (void)shutdown(fd, SHUT_WR);
    wait_for(&app->gone, 1); /* over TCP it counts as leaving */
    (void)close(fd);
}

static void test_a_client_that_leaves_ends_its_stream(void **state)
{
    struct app *app = *state;
    int fd = client_connect(app);
    client_send_text(fd, "GET /stream?count=1&size=10&hold=1" END);
    char byte = 0;
    assert_int_equal(recv(fd, &byte, 1, 0), 1);
    sleep_ms(50); /* all sent, and suspended again */
    (void)close(fd);
    wait_for(&app->gone, 1);
    struct http_request *request = app_take_held(app);
    assert_int_equal(http_stream_append(request, "x", 1), -EPIPE);
    http_request_unref(request);
    {
        HOLD(&app->lock);
        assert_true(app->drained > 0);
    }

    /* And one whose producer waits for room. */
    fd = client_connect(app);
    client_send_text(fd, "GET /stream?count=100000&size=4000" END);
    assert_int_equal(recv(fd, &byte, 1, 0), 1);
    sleep_ms(100);
    (void)close(fd);
    wait_for(&app->gone, 2);
    for (int i = 0; i < 20000 && atomic_load(&app->append_result) == 0; i++) {
        sleep_ms(1);
    }
    assert_int_equal(atomic_load(&app->append_result), -EPIPE);
}

static void test_free_ends_suspended_requests_and_streams(void **state)
{
    struct app *app = *state;
    int fds[BUSY];
    for (int i = 0; i < BUSY; i++) {
        fds[i] = i % 2 ? client_connect(app) : client_connect_unix(app);
        client_send_text(fds[i],
                         i % 3 == 0 ? "GET /stream?count=1&size=10&hold=1" END : "GET /never" END);
    }
    wait_for(&app->readied, BUSY);
    http_server_free(app->server);
    app->server = NULL;
    assert_int_equal(atomic_load(&app->ended), BUSY);
    assert_int_equal(atomic_load(&app->gone), BUSY);
    for (int i = 0; i < BUSY; i++) {
        assert_true(client_closed(fds[i], 1000));
        (void)close(fds[i]);
    }
}

static void test_quiesce_lets_running_requests_finish(void **state)
{
    struct app *app = *state;
    int running = client_connect(app);
    int idle = client_connect(app);
    expect_inline(idle);
    client_send_text(running, "GET /never" END);
    wait_for(&app->readied, 2);
    http_server_quiesce(app->server);
    http_server_quiesce(app->server);
    struct answer answer = client_ask(idle, "GET /inline" END, 503);
    assert_non_null(strstr(answer.head, "Connection: close\n"));
    assert_non_null(strstr(answer.head, "Retry-After: 1\n"));
    answer_done(&answer);
    assert_true(client_closed(idle, 1000));
    assert_int_equal(http_server_active(app->server), 1);
    struct http_request *request = app_take_held(app);
    app_respond(request, 200, NULL, "done", 4, NULL);
    http_request_unref(request);
    client_read(running, false, &answer);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.body, "done");
    answer_done(&answer);
    wait_for(&app->ended, 2);
    assert_int_equal(http_server_active(app->server), 0);
    (void)close(running);
    (void)close(idle);
    int late = client_connect(app);
    answer = client_ask(late, "GET /inline" END, 503);
    assert_non_null(strstr(answer.head, "Connection: close\n"));
    answer_done(&answer);
    assert_true(client_closed(late, 1000));
    (void)close(late);
}

/* At 30 ms a byte these take more than TRICKLED_MS, where no deadline ends them. */
#define FIFTY "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"
#define TRICKLED_HEAD "GET /inline HTTP/1.1\r\nHost: " FIFTY FIFTY FIFTY FIFTY
enum { TRICKLED_MS = 200 * 30 };

/* Sends `text` a byte each `pause_ms` until the server closes; returns after how long. */
static int64_t trickle(int fd, const char *text, long pause_ms)
{
    int64_t start_ns = clock_now_ns();
    for (const char *at = text; *at; at++) {
        client_send(fd, at, 1);
        if (client_closed(fd, (int)pause_ms)) {
            break;
        }
    }
    return (clock_now_ns() - start_ns) / NS_PER_MS;
}

static void test_a_trickled_head_meets_its_deadline(void **state)
{
    struct app *app = *state;
    int fd = client_connect(app);
    int64_t ms = trickle(fd, TRICKLED_HEAD, 30);
    assert_in_range(ms, 350, TRICKLED_MS - 1);
    (void)close(fd);
    fd = client_connect(app);
    expect_inline(fd); /* the same for a later head */
    ms = trickle(fd, TRICKLED_HEAD, 30);
    assert_in_range(ms, 350, TRICKLED_MS - 1);
    (void)close(fd);
    assert_int_equal(timeouts(app), 2);
    assert_int_equal(atomic_load(&app->begun), 1);
}

static void test_a_trickled_body_meets_its_deadline(void **state)
{
    struct app *app = *state;
    static const char *const heads[] = {
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n",
        "POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n",
        "POST /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n"};
    for (unsigned i = 0; i < 3; i++) {
        int fd = client_connect(app);
        client_send_text(fd, heads[i]);
        int64_t ms = trickle(fd, FIFTY FIFTY FIFTY FIFTY, 30);
        assert_in_range(ms, 350, TRICKLED_MS - 1);
        (void)close(fd);
        wait_for(&app->gone, i + 1);
    }
    assert_int_equal(timeouts(app), 3);
    assert_int_equal(atomic_load(&app->readied), 0);
}

static void test_a_long_upload_that_moves_is_not_ended(void **state)
{
    struct app *app = *state;
    static char piece[64 * 1024];
    int fd = client_connect(app);
    client_send_text(fd, "POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 1572864\r\n\r\n");
    for (int i = 0; i < 24; i++) { /* each well before its deadline, all well behind it */
        client_send(fd, piece, sizeof(piece));
        sleep_ms(50);
    }
    struct answer answer;
    client_read(fd, false, &answer);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.body, "1572864");
    answer_done(&answer);
    (void)close(fd);
}

/* A body of one piece that the sink has no room for. */
static struct http_request *begin_held_upload(struct app *app, int fd)
{
    static const char upload[] = "POST /upload?slow=2 HTTP/1.1\r\nHost: x\r\n"
                                 "Content-Length: 5\r\n\r\nhello";
    client_send_text(fd, upload);
    wait_for(&app->paused, 1);
    return app_take_held(app);
}

static void test_a_client_is_not_ended_for_a_sink_that_has_no_room(void **state)
{
    struct app *app = *state;
    int fd = client_connect(app);
    struct http_request *request = begin_held_upload(app, fd);
    sleep_ms(1200);
    assert_int_equal(timeouts(app), 0);
    app_resume(request);
    http_request_unref(request);
    struct answer answer;
    client_read(fd, false, &answer);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.body, "5");
    answer_done(&answer);
    (void)close(fd);
}

static void test_a_body_that_waits_can_be_answered(void **state)
{
    struct app *app = *state;
    int fd = client_connect(app);
    struct http_request *request = begin_held_upload(app, fd);
    http_respond_error(request, 507, "no space");
    http_request_unref(request);
    struct answer answer;
    client_read(fd, false, &answer);
    assert_int_equal(answer.status, 507);
    answer_done(&answer);
    expect_inline(fd);
    (void)close(fd);
    assert_int_equal(atomic_load(&app->readied), 1); /* the other one's */
}

static void test_a_client_may_leave_while_its_body_waits(void **state)
{
    struct app *app = *state;
    int fd = client_connect(app);
    struct http_request *request = begin_held_upload(app, fd);
    (void)close(fd);
    wait_for(&app->gone, 1);
    http_body_resume(request); /* late: nothing happens */
    http_request_unref(request);
}

static void test_free_ends_a_body_that_waits(void **state)
{
    struct app *app = *state;
    int fd = client_connect(app);
    http_request_unref(begin_held_upload(app, fd));
    http_server_free(take_ptr(app->server));
    wait_for(&app->gone, 1);
    assert_true(client_closed(fd, 1000));
    (void)close(fd);
}

static void test_idle_connections_are_closed_and_waiting_ones_are_not(void **state)
{
    struct app *app = *state;
    int waiting = client_connect(app);
    int idle = client_connect(app);
    int streaming = client_connect(app);
    client_send_text(waiting, "GET /never" END);
    wait_for(&app->readied, 1);
    struct http_request *request = app_take_held(app);
    client_send_text(streaming, "GET /stream?count=1&size=10&hold=1" END);
    expect_inline(idle);
    assert_true(client_closed(idle, 10000));
    sleep_ms(300);
    assert_int_equal(timeouts(app), 1);
    app_respond(request, 200, NULL, "here", 4, NULL);
    http_request_unref(request);
    struct answer answer;
    client_read(waiting, false, &answer);
    assert_int_equal(answer.status, 200);
    answer_done(&answer);
    request = app_take_held(app);
    assert_int_equal(http_stream_append(request, "more", 4), 0);
    http_stream_end(request, false);
    http_request_unref(request);
    client_read(streaming, false, &answer);
    assert_true(answer.whole);
    answer_done(&answer);
    (void)close(waiting);
    (void)close(idle);
    (void)close(streaming);
}

static void test_a_client_that_does_not_take_its_answer_is_ended(void **state)
{
    struct app *app = *state;
    int fd = client_connect(app);
    client_send_text(fd, "GET /stream?count=100000&size=4000" END);
    wait_for(&app->gone, 1);
    assert_int_equal(timeouts(app), 1);
    (void)close(fd);
}

static void test_hundreds_of_tricklers_do_not_keep_others_from_service(void **state)
{
    struct app *app = *state;
    int fds[TRICKLERS];
    for (int i = 0; i < TRICKLERS; i++) {
        fds[i] = client_connect(app);
        client_send_text(fds[i], "G");
    }
    int64_t worst_ms = 0;
    int64_t best_ms = INT64_MAX;
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < TRICKLERS; i++) {
            client_send_text(fds[i], "E");
        }
        int64_t start_ns = clock_now_ns();
        int fd = client_connect(app);
        expect_inline(fd);
        (void)close(fd);
        int64_t ms = (clock_now_ns() - start_ns) / NS_PER_MS;
        worst_ms = ms > worst_ms ? ms : worst_ms;
        best_ms = ms < best_ms ? ms : best_ms;
        sleep_ms(50);
    }
    assert_in_range(best_ms, 0, 300);
    assert_in_range(worst_ms, 0, 5000);
    for (int i = 0; i < TRICKLERS; i++) {
        assert_true(client_closed(fds[i], 10000));
        (void)close(fds[i]);
    }
}

static void test_at_the_limit_the_longest_idle_makes_room(void **state)
{
    struct app *app = *state;
    int fds[50];
    int busy = client_connect_unix(app);
    client_send_text(busy, "GET /never" END);
    wait_for(&app->readied, 1);
    for (int i = 0; i < 49; i++) {
        fds[i] = client_connect(app);
        expect_inline(fds[i]);
        sleep_ms(1);
    }
    expect_inline(fds[0]); /* now fds[1] has waited longest */
    fds[49] = client_connect(app);
    expect_inline(fds[49]);
    assert_true(client_closed(fds[1], 1000));
    expect_inline(fds[0]);
    for (int i = 2; i < 50; i++) {
        expect_inline(fds[i]);
    }
    struct http_request *request = app_take_held(app);
    app_respond(request, 200, NULL, "here", 4, NULL);
    http_request_unref(request);
    struct answer answer;
    client_read(busy, false, &answer);
    assert_int_equal(answer.status, 200);
    answer_done(&answer);
    for (int i = 0; i < 50; i++) {
        (void)close(fds[i]);
    }
    (void)close(busy);
    assert_int_equal(timeouts(app), 0);
}

static void test_a_crowd_of_idle_connections_does_not_keep_others_from_service(void **state)
{
    struct app *app = *state;
    static int fds[CROWD];
    for (int i = 0; i < CROWD; i++) {
        fds[i] = client_connect(app);
    }
    int64_t start_ns = clock_now_ns();
    int fd = client_connect(app);
    expect_inline(fd);
    assert_in_range((clock_now_ns() - start_ns) / NS_PER_MS, 0, 10000);
    (void)close(fd);
    struct http_totals totals;
    http_server_totals(app->server, &totals);
    assert_in_range(totals.connections, 1, 50 + 64);
    for (int i = 0; i < CROWD; i++) {
        (void)close(fds[i]);
    }
}

static void test_where_all_are_busy_the_new_one_is_closed(void **state)
{
    struct app *app = *state;
    int fds[50];
    for (int i = 0; i < 50; i++) {
        fds[i] = client_connect(app);
        client_send_text(fds[i], "GET /never" END);
    }
    wait_for(&app->readied, 50);
    int fd = client_connect(app);
    assert_true(client_closed(fd, 2000));
    (void)close(fd);
    assert_int_equal(atomic_load(&app->ended), 0);
    for (int i = 0; i < 50; i++) {
        (void)close(fds[i]);
    }
    wait_for(&app->gone, 50);
}

static int setup_budget(void **state)
{
    static struct app app;
    app_start(&app, 50, 5000, 600);
    *state = &app;
    return 0;
}

static const char body_head[] = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n";

static int begin_body(const struct app *app, size_t size)
{
    char body[500];
    memset(body, 'z', sizeof(body));
    int fd = client_connect(app);
    client_send_text(fd, body_head);
    client_send(fd, body, size);
    return fd;
}

static void expect_status(int fd, unsigned status)
{
    struct answer answer;
    client_read(fd, false, &answer);
    assert_int_equal(answer.status, status);
    answer_done(&answer);
}

static void test_a_body_waits_for_its_place_until_another_is_answered(void **state)
{
    struct app *app = *state;
    enum { WAITING = 4 };
    int first = begin_body(app, 499);
    wait_for(&app->begun, 1);
    int fds[WAITING];
    for (int i = 0; i < WAITING; i++) {
        fds[i] = begin_body(app, 500);
        wait_for(&app->begun, 2 + (unsigned)i);
    }
    assert_int_equal(atomic_load(&app->readied), 0); /* 600 bytes have room for one of them */
    client_send(first, "z", 1);
    expect_status(first, 200);
    for (int i = 0; i < WAITING; i++) {
        expect_status(fds[i], 200);
        (void)close(fds[i]);
    }
    (void)close(first);
}

static void test_a_body_that_does_not_move_loses_its_place_to_one_that_waits(void **state)
{
    struct app *app = *state;
    int stalled = begin_body(app, 490);
    wait_for(&app->begun, 1);
    sleep_ms(600);
    assert_int_equal(atomic_load(&app->ended), 0); /* nobody waits: it may take its time */
    int second = begin_body(app, 500);
    expect_status(second, 200);
    expect_status(stalled, 503);
    assert_true(client_closed(stalled, 5000));
    (void)close(second);
    (void)close(stalled);
}

static void test_a_refused_body_gives_its_place_back_at_once(void **state)
{
    struct app *app = *state;
    int chunked = client_connect(app); /* it grows beyond APP_BODY_LIMIT, and is not read on */
    client_send_text(chunked, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                              "1f4\r\n");
    char bytes[500];
    memset(bytes, 'z', sizeof(bytes));
    client_send(chunked, bytes, sizeof(bytes));
    client_send_text(chunked, "\r\nxyz\r\n"); /* framing that is none */
    expect_status(chunked, 400);
    int next = begin_body(app, 500);
    expect_status(next, 200);
    (void)close(chunked);
    (void)close(next);
}

static int setup_no_budget(void **state)
{
    static struct app app;
    app_start(&app, 50, 1000, 300);
    *state = &app;
    return 0;
}

static void test_a_body_that_gets_no_place_is_answered(void **state)
{
    static const char *const heads[] = {
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1f4\r\n",
    };
    char body[500];
    memset(body, 'z', sizeof(body));
    for (unsigned i = 0; i < 2; i++) {
        int fd = client_connect(*state);
        client_send_text(fd, heads[i]);
        client_send(fd, body, sizeof(body));
        expect_status(fd, 503);
        (void)close(fd);
    }
    assert_int_equal(timeouts(*state), 0);
}

/* Some clients send a line end behind a body, or do not heed that they have asked for the end. */
static void test_an_answer_is_whole_though_its_client_sent_on(void **state)
{
    static const char head[] = "GET /big?size=8000000 HTTP/1.1\r\nHost: x\r\n"
                               "Connection: close\r\n\r\n";
    static char more[20000];
    int fd = client_connect(*state);
    client_send_text(fd, head);
    client_send(fd, more, sizeof(more));
    struct answer answer;
    client_read(fd, false, &answer);
    assert_int_equal(answer.status, 200);
    assert_int_equal(answer.size, 8000000);
    assert_true(client_closed(fd, 5000));
    answer_done(&answer);
    (void)close(fd);
}

/* Its last bytes are in the server's socket for longer than the server waits for a silent client,
 * and each byte that it sends meanwhile would reset a socket that is closed. */
static void test_a_slow_client_that_sends_on_gets_its_whole_answer(void **state)
{
    static char piece[256 << 10];
    int fd = client_connect(*state);
    int least = 65536; /* what waits for it is on the server's side */
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &least, sizeof(least)), 0);
    client_send_text(fd, "GET /big?size=4000000 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    size_t size = 0;
    ssize_t got = 0;
    while ((got = recv(fd, piece, sizeof(piece), MSG_WAITALL)) > 0) {
        size += (size_t)got;
        client_send(fd, "x", 1);
        (void)usleep(350000);
    }
    assert_int_equal(got, 0);
    assert_in_range(size, 4000000, 4000000 + 1000); /* with the head */
    (void)close(fd);
}

/* Many clients at once that ask for anything and leave at any moment. */
static void *rush(void *context)
{
    const struct app *app = context;
    unsigned seed = (unsigned)(uintptr_t)&seed;
    static const char *const requests[] = {
        "GET /inline" END,
        "GET /later" END,
        "GET /later" END "GET /later" END,
        "GET /stream?count=50&size=1000" END,
        "GET /stream?count=2&size=100&abort=1" END,
        "GET /stream?count=200&size=300&kind=1" CODED "zstd\r\n\r\n",
        "GET /stream?count=9&size=9000&kind=2&abort=1" CODED "gzip\r\n\r\n",
        "GET /text?size=9000&kind=1" CODED "gzip\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
        "POST /upload?fail=3 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
        "POST /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\nhello",
        "GET /never" END,
        "GET /part",
    };
    for (int i = 0; i < 150; i++) {
        int fd = i % 2 ? client_connect(app) : client_connect_unix(app);
        client_send_text(
            fd, requests[(size_t)rand_r(&seed) % (sizeof(requests) / sizeof(requests[0]))]);
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        if (rand_r(&seed) % 3 > 0) {
            (void)poll(&wait, 1, rand_r(&seed) % 3);
        }
        (void)close(fd);
    }
    return NULL;
}

static void test_a_rush_of_clients_that_come_and_leave(void **state)
{
    struct app *app = *state;
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, rush, app), 0);
    }
    for (int i = 0; i < 4; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    for (int i = 0; i < 5000 && http_server_active(app->server) > 0; i++) {
        sleep_ms(1);
    }
    assert_int_equal(http_server_active(app->server), 0);
    int fd = client_connect(app);
    expect_inline(fd);
    (void)close(fd);
}

#define TEST(name, setup) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_client_that_leaves_ends_its_waiting_request, setup_patient),
        TEST(a_reset_ends_a_waiting_request, setup_patient),
        TEST(a_client_that_left_before_its_request_is_read, setup_patient),
        TEST(half_closed_clients, setup_patient),
        TEST(a_client_that_leaves_ends_its_stream, setup_patient),
        TEST(free_ends_suspended_requests_and_streams, setup_patient),
        TEST(quiesce_lets_running_requests_finish, setup_patient),
        TEST(a_trickled_head_meets_its_deadline, setup_strict),
        TEST(a_trickled_body_meets_its_deadline, setup_strict),
        TEST(a_long_upload_that_moves_is_not_ended, setup_strict),
        TEST(a_client_is_not_ended_for_a_sink_that_has_no_room, setup_strict),
        TEST(a_body_that_waits_can_be_answered, setup_patient),
        TEST(a_client_may_leave_while_its_body_waits, setup_patient),
        TEST(free_ends_a_body_that_waits, setup_patient),
        TEST(idle_connections_are_closed_and_waiting_ones_are_not, setup_strict),
        TEST(a_client_that_does_not_take_its_answer_is_ended, setup_strict),
        TEST(hundreds_of_tricklers_do_not_keep_others_from_service, setup_strict),
        TEST(at_the_limit_the_longest_idle_makes_room, setup_patient),
        TEST(a_crowd_of_idle_connections_does_not_keep_others_from_service, setup_patient),
        TEST(where_all_are_busy_the_new_one_is_closed, setup_patient),
        TEST(a_body_waits_for_its_place_until_another_is_answered, setup_budget),
        TEST(a_body_that_does_not_move_loses_its_place_to_one_that_waits, setup_budget),
        TEST(a_refused_body_gives_its_place_back_at_once, setup_budget),
        TEST(a_body_that_gets_no_place_is_answered, setup_no_budget),
        TEST(an_answer_is_whole_though_its_client_sent_on, setup_patient),
        TEST(a_slow_client_that_sends_on_gets_its_whole_answer, setup_patient),
        TEST(a_rush_of_clients_that_come_and_leave, setup_strict),
    };
    return cmocka_run_group_tests_name("http faults", tests, NULL, NULL);
}
