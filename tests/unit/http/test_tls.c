/* SPDX-License-Identifier: Apache-2.0
 *
 * A TLS listener, with a certificate and a client made with the openssl program; skipped without
 * openssl.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

/* Runs the command; its output is in `text`. Returns its exit status. */
static int run(const char *command, char *text, size_t size)
{
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    size_t got = fread(text, 1, size - 1, pipe);
    text[got] = '\0';
    int status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

enum { PEM = 4096 };

struct pair {
    char certificate[PEM];
    char key[2 * PEM];
};

static bool make_pair(struct pair *pair)
{
    char text[2 * PEM];
    if (run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
            "-subj /CN=localhost -keyout - 2>/dev/null",
            text, sizeof(text)) != 0) {
        return false;
    }
    char *certificate = strstr(text, "-----BEGIN CERTIFICATE");
    if (!certificate) {
        return false;
    }
    (void)snprintf(pair->certificate, sizeof(pair->certificate), "%s", certificate);
    *certificate = '\0';
    (void)snprintf(pair->key, sizeof(pair->key), "%s", text);
    return true;
}

struct fixture {
    struct app app;
    struct pair pair;
};

static int setup(void **state)
{
    static struct fixture fixture;
    if (!make_pair(&fixture.pair)) {
        (void)fprintf(stderr, "no certificate: the openssl program is missing or failed\n");
        *state = NULL;
        return 0;
    }
    app_start(&fixture.app, 50, 2000, 0);
    assert_int_equal(app_listen_tcp(&fixture.app, fixture.pair.certificate, fixture.pair.key), 0);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    if (fixture) {
        app_stop(&fixture->app);
    }
    return 0;
}

static struct fixture *fixture_of(void **state)
{
    if (!*state) {
        skip();
    }
    return *state;
}

/* A TLS client: bytes written to the returned socket go through it. */
static int tls_connect(const struct app *app, pid_t *ret_pid)
{
    int pair[2];
    char address[32];
    (void)snprintf(address, sizeof(address), "127.0.0.1:%u", app->port);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)dup2(pair[1], STDIN_FILENO);
        (void)dup2(pair[1], STDOUT_FILENO);
        (void)dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
        (void)execlp("openssl", "openssl", "s_client", "-quiet", "-connect", address, (char *)NULL);
        _exit(127);
    }
    (void)close(pair[1]);
    *ret_pid = pid;
    return pair[0];
}

static void tls_close(int fd, pid_t pid)
{
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    (void)close(fd);
}

static void test_requests_over_tls(void **state)
{
    struct app *app = &fixture_of(state)->app;
    pid_t pid = 0;
    int fd = tls_connect(app, &pid);
    struct answer answer;
    for (int i = 0; i < 20; i++) {
        answer = client_ask(fd, "GET /inline HTTP/1.1\r\nHost: x\r\n\r\n", 200);
        answer_done(&answer);
        answer = client_ask(fd, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n", 200);
        assert_string_equal(answer.body, "later\n");
        answer_done(&answer);
    }
    answer = client_ask(fd, "GET /stream?count=200&size=4000 HTTP/1.1\r\nHost: x\r\n\r\n", 200);
    assert_true(answer.whole);
    assert_int_equal(answer.size, 200 * 4000);
    answer_done(&answer);
    answer = client_ask(fd, "GET /big?size=3000000 HTTP/1.1\r\nHost: x\r\n\r\n", 200);
    assert_int_equal(answer.size, 3000000);
    answer_done(&answer);

    static char body[1 << 20];
    client_send_text(fd, "POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 1048576\r\n\r\n");
    client_send(fd, body, sizeof(body));
    client_read(fd, false, &answer);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.body, "1048576");
    answer_done(&answer);
    tls_close(fd, pid);
    struct http_totals totals;
    http_server_totals(app->server, &totals);
    assert_true(totals.bytes_sent > 3800000);
}

static void test_a_tls_client_that_leaves_ends_its_request(void **state)
{
    struct app *app = &fixture_of(state)->app;
    pid_t pid = 0;
    int fd = tls_connect(app, &pid);
    client_send_text(fd, "GET /never HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_for(&app->readied, 1);
    tls_close(fd, pid);
    wait_for(&app->gone, 1);
}

static void test_a_client_that_never_shakes_hands_is_ended(void **state)
{
    struct app *app = &fixture_of(state)->app;
    int fd = client_connect(app);
    client_send_text(fd, "\x16\x03");
    assert_true(client_closed(fd, 5000));
    (void)close(fd);
    fd = client_connect(app);
    client_send_text(fd, "GET /inline HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(client_closed(fd, 5000));
    (void)close(fd);
    assert_int_equal(atomic_load(&app->begun), 0);
}

static void test_a_key_that_does_not_fit_is_an_error_with_a_reason(void **state)
{
    struct fixture *fixture = fixture_of(state);
    struct app *app = &fixture->app;
    static struct pair other;
    assert_true(make_pair(&other));
    uint16_t port = app->port;
    assert_true(app_listen_tcp(app, fixture->pair.certificate, other.key) < 0);
    assert_true(app_listen_tcp(app, "no certificate", "no key") < 0);
    app->port = port;
    pid_t pid = 0;
    int fd = tls_connect(app, &pid);
    struct answer answer = client_ask(fd, "GET /inline HTTP/1.1\r\nHost: x\r\n\r\n", 200);
    answer_done(&answer);
    tls_close(fd, pid);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(requests_over_tls),
        TEST(a_tls_client_that_leaves_ends_its_request),
        TEST(a_client_that_never_shakes_hands_is_ended),
        TEST(a_key_that_does_not_fit_is_an_error_with_a_reason),
    };
    return cmocka_run_group_tests_name("http tls", tests, NULL, NULL);
}
