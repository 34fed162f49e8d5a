/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory for bodies whose clients send a head and then nothing.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"

enum { BOUND = 600, BODY = 500, SILENT = 40, STALL_MS = 300 /* of the harness */ };

static int setup(void **state)
{
    static struct app app;
    app_start(&app, 50, 20000, BOUND);
    *state = &app;
    return 0;
}

static int teardown(void **state)
{
    app_stop(*state);
    return 0;
}

static int begin(struct app *app, unsigned number, const char *fields)
{
    int fd = client_connect(app);
    client_send_text(fd, "POST /echo HTTP/1.1\r\nHost: x\r\n");
    client_send_text(fd, fields);
    wait_for(&app->begun, number);
    return fd;
}

static void send_body(int fd)
{
    char body[BODY];
    memset(body, 'z', sizeof(body));
    client_send(fd, body, sizeof(body));
}

static void expect_status(int fd, unsigned status)
{
    struct answer answer;
    client_read(fd, false, &answer);
    assert_int_equal(answer.status, status);
    answer_done(&answer);
}

#define LENGTH "Content-Length: 500\r\n\r\n"

static void test_a_body_that_comes_does_not_wait_for_silent_ones(void **state)
{
    struct app *app = *state;
    int fds[SILENT];
    for (unsigned i = 0; i < SILENT; i++) {
        fds[i] = begin(app, i + 1, LENGTH);
    }
    int64_t begun_ns = clock_now_ns();
    int fd = begin(app, SILENT + 1, LENGTH);
    send_body(fd);
    expect_status(fd, 200);
    /* one of them loses its place; for all of them it would take SILENT times as long */
    assert_in_range((clock_now_ns() - begun_ns) / NS_PER_MS, 0, SILENT / 2 * STALL_MS);
    send_body(fds[SILENT - 1]); /* the last in line, which begins now */
    expect_status(fds[SILENT - 1], 200);
    assert_in_range((clock_now_ns() - begun_ns) / NS_PER_MS, 0, SILENT / 2 * STALL_MS);
    for (unsigned i = 0; i < SILENT; i++) {
        (void)close(fds[i]);
    }
    (void)close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_body_that_comes_does_not_wait_for_silent_ones),
    };
    return cmocka_run_group_tests_name("http admission", tests, NULL, NULL);
}
