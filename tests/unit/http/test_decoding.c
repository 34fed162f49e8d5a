/* SPDX-License-Identifier: Apache-2.0
 *
 * Encoded bodies of requests: how decoding one delays the other clients of the listener.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "harness.h"

/* In one round of the loop a connection may have two turns: for its socket, and because it woke
 * itself. The other client's socket becomes ready in the first turn; two more may come before it.
 */
enum { TURN = 1 << 20, TURNS = 3, SLACK = 64 << 10 };

static int setup(void **state)
{
    static struct app app;
    app_start(&app, 20, 20000, 0);
    *state = &app;
    return 0;
}

static int teardown(void **state)
{
    app_stop(*state);
    return 0;
}

/* Uploads zeros; another client sends a request once the first of them have arrived. */
static void expect_turns(struct app *app, const char *coding, const void *body, size_t size)
{
    char head[200];
    struct answer answer;
    int fd = client_connect(app);
    int probe = client_connect(app);
    answer = client_ask(probe, "GET /inline HTTP/1.1\r\nHost: x\r\n\r\n", 200);
    answer_done(&answer);
    atomic_store(&app->probe_fd, probe);
    (void)snprintf(head, sizeof(head),
                   "POST /upload HTTP/1.1\r\nHost: x\r\nContent-Encoding: %s\r\n"
                   "Content-Length: %zu\r\n\r\n",
                   coding, size);
    client_send_text(fd, head);
    client_send(fd, body, size);
    client_read(fd, false, &answer);
    assert_int_equal(answer.status, 200);
    assert_int_equal(strtoul(answer.body, NULL, 10), APP_UPLOAD_LIMIT);
    answer_done(&answer);
    client_read(probe, false, &answer);
    assert_int_equal(answer.status, 200);
    answer_done(&answer);
    assert_in_range(atomic_load(&app->uploaded_first), 1, TURNS * TURN + SLACK);
    (void)close(fd);
    (void)close(probe);
    atomic_store(&app->probe_fd, 0);
}

static void test_a_body_that_expands_does_not_hold_others_up(void **state)
{
    char *zeros = calloc(1, APP_UPLOAD_LIMIT);
    size_t room = ZSTD_compressBound(APP_UPLOAD_LIMIT);
    char *body = malloc(room);
    assert_true(zeros && body);
    size_t size = ZSTD_compress(body, room, zeros, APP_UPLOAD_LIMIT, 3);
    assert_false(ZSTD_isError(size));
    assert_in_range(size, 1, 64 << 10); /* one read of the server */
    expect_turns(*state, "zstd", body, size);
    unsigned long deflated = room;
    assert_int_equal(compress((Bytef *)body, &deflated, (Bytef *)zeros, APP_UPLOAD_LIMIT), Z_OK);
    expect_turns(*state, "deflate", body, deflated);
    free(body);
    free(zeros);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_body_that_expands_does_not_hold_others_up),
    };
    return cmocka_run_group_tests_name("http decoding", tests, NULL, NULL);
}
