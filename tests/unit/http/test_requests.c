/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests and answers of the HTTP server: inline and later answers, bodies, targets, streams, byte
 * counts.
 */
#include <errno.h>
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
    app_start(&app, 100, 5000, 5000, 5000);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_answers_inline_and_later_on_one_connection, setup,
                                        teardown),
    };
    return cmocka_run_group_tests_name("http requests", tests, NULL, NULL);
}
