/* SPDX-License-Identifier: Apache-2.0
 *
 * The cost of a connection and a listener when clients are malicious or there are no descriptors
 * left: memory, processor time, sockets of clients that are gone.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"

#define LINE "GET /inline HTTP/1.1\r\nHost: x\r\n"

/* A sanitizer's allocator does not report its allocations: the plain build measures. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { CAN_MEASURE = 0 };
#else
enum { CAN_MEASURE = 1 };
#endif

enum { HEAD = 1024, HEADS = 32, ROUNDS = 1024, IDLE = 100 };

static int setup(void **state)
{
    static struct app app;
    app_start(&app, 500, 20000, 0);
    *state = &app;
    return 0;
}

static int teardown(void **state)
{
    app_stop(*state);
    return 0;
}

static size_t allocated(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

/* A head of exactly `size` bytes, and a NUL. */
static void make_head(char *to, size_t size)
{
    static const char pad[] = LINE "X-Pad: ";
    memcpy(to, pad, sizeof(pad) - 1);
    memset(to + sizeof(pad) - 1, 'z', size - sizeof(pad) + 1 - 4);
    memcpy(to + size - 4, "\r\n\r\n", 5);
}

/* Sends all of it while it drops the answers; returns the highest number of allocated bytes. */
static size_t flood(int fd, const char *bytes, size_t size)
{
    static char dropped[1 << 16];
    size_t most = 0;
    while (size > 0) {
        struct pollfd waits = {.fd = fd, .events = POLLIN | POLLOUT};
        assert_true(poll(&waits, 1, 10000) > 0);
        if (waits.revents & POLLIN) {
            assert_true(recv(fd, dropped, sizeof(dropped), MSG_DONTWAIT) > 0);
        }
        ssize_t sent = send(fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
        assert_true(sent > 0 || errno == EAGAIN);
        bytes += sent > 0 ? sent : 0;
        size -= sent > 0 ? (size_t)sent : 0;
        size_t now = allocated();
        most = now > most ? now : most;
    }
    return most;
}

/* No read of the server ends where a head does, so that there is always a part of the next one. */
static void test_requests_sent_ahead_take_no_memory(void **state)
{
    struct app *app = *state;
    static char heads[HEADS * HEAD + 1];
    static char first[HEAD];
    for (size_t i = 0; i < HEADS; i++) {
        make_head(heads + i * HEAD, HEAD);
    }
    make_head(first, 101);
    int fd = client_connect(app);
    (void)flood(fd, first, 101);
    size_t before = allocated();
    size_t most = 0;
    for (int i = 0; i < ROUNDS; i++) {
        size_t now = flood(fd, heads, sizeof(heads) - 1);
        most = now > most ? now : most;
    }
    assert_in_range(most, 0, before + (1 << 20));
    (void)close(fd);
}

static void test_an_idle_connection_holds_little(void **state)
{
    struct app *app = *state;
    int fds[IDLE];
    size_t before = allocated();
    for (unsigned i = 0; i < IDLE; i++) {
        fds[i] = client_connect(app);
        struct answer answer =
            client_ask(fds[i], "GET /stream?count=50&size=4000 HTTP/1.1\r\nHost: x\r\n\r\n", 200);
        assert_int_equal(answer.size, 200000);
        answer_done(&answer);
        wait_for(&app->ended, i + 1);
    }
    assert_in_range(allocated(), 0, before + IDLE * (size_t)12 * 1024);
    for (unsigned i = 0; i < IDLE; i++) {
        (void)close(fds[i]);
    }
}

static int64_t cpu_ms(void)
{
    struct timespec now;
    assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now), 0);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void test_a_listener_without_descriptors_sleeps(void **state)
{
    struct app *app = *state;
    struct rlimit limit;
    int served = client_connect(app); /* the server's end is open once it was answered */
    struct answer answer = client_ask(served, LINE "\r\n", 200);
    answer_done(&answer);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(app->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    int lowest = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    assert_true(lowest >= 0);
    (void)close(lowest);
    struct rlimit none = {.rlim_cur = (rlim_t)lowest, .rlim_max = limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    int r = connect(fd, (struct sockaddr *)&address, sizeof(address));
    int64_t before_ms = cpu_ms();
    sleep_ms(500);
    int64_t used_ms = cpu_ms() - before_ms;
    answer = client_ask(served, LINE "\r\n", 200); /* open connections go on */
    answer_done(&answer);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(r, 0);
    assert_in_range(used_ms, 0, 50);
    answer = client_ask(fd, LINE "\r\n", 200); /* and it is accepted once there is one */
    answer_done(&answer);
    (void)close(fd);
    (void)close(served);
}

static void test_close_wins_over_keep_alive(void **state)
{
    static const char *const heads[] = {
        LINE "Connection: close\r\nConnection: keep-alive\r\n\r\n",
        LINE "Connection: keep-alive\r\nConnection: close\r\n\r\n",
        LINE "Connection: keep-alive, close\r\n\r\n",
    };
    for (unsigned i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        int fd = client_connect(*state);
        struct answer answer = client_ask(fd, heads[i], 200);
        assert_non_null(strstr(answer.head, "Connection: close\n"));
        answer_done(&answer);
        assert_true(client_closed(fd, 5000));
        (void)close(fd);
    }
}

static void test_what_a_client_sent_is_told_as_json(void **state)
{
    int fd = client_connect(*state);
    struct answer answer = client_ask(fd,
                                      "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
                                      "Content-Encoding: a\"\xff\xc3\r\n\r\nx",
                                      415);
    assert_non_null(strstr(answer.body, "'a\\\"%FF%C3'"));
    answer_done(&answer);
    (void)close(fd);
}

/* Whether the kernel's timer of the server's only connection is the one that probes it. */
static bool is_probed(uint16_t port)
{
    char line[512];
    bool probed = false;
    FILE *file = fopen("/proc/self/net/tcp", "re");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file)) {
        /* sl local_address:port rem_address:port st tx_queue:rx_queue tr:when ... */
        char *at = NULL;
        char *word = strtok_r(line, " :", &at);
        unsigned long numbers[8] = {0};
        for (unsigned i = 0; i < 8 && word; i++) {
            word = strtok_r(NULL, " :", &at);
            numbers[i] = word ? strtoul(word, NULL, 16) : 0;
        }
        if (numbers[1] == port && numbers[4] == 1) { /* established, of the server */
            probed = numbers[7] == 2;
        }
    }
    (void)fclose(file);
    return probed;
}

static void test_a_client_that_is_silent_is_probed(void **state)
{
    struct app *app = *state;
    int fd = client_connect(app);
    client_send_text(fd, "GET /never HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_for(&app->readied, 1);
    bool probed = false;
    for (int i = 0; i < 500 && !probed; i++) {
        probed = is_probed(app->port);
        sleep_ms(10);
    }
    assert_true(probed);
    (void)close(fd);
}

/* The signal mask of the thread of that name, from /proc; 0: there is none. */
static unsigned long long blocked_by(const char *name)
{
    unsigned long long blocked = 0;
    DIR *threads = opendir("/proc/self/task");
    assert_non_null(threads);
    const struct dirent *entry = NULL;
    while ((entry = readdir(
                threads))) { /* NOLINT(concurrency-mt-unsafe): only this test uses the stream */
        char path[300];
        char line[256];
        bool same = false;
        (void)snprintf(path, sizeof(path), "/proc/self/task/%s/status", entry->d_name);
        FILE *file = fopen(path, "re");
        while (file && fgets(line, sizeof(line), file)) {
            line[strcspn(line, "\n")] = '\0';
            same = same || (strncmp(line, "Name:\t", 6) == 0 && strcmp(line + 6, name) == 0);
            if (same && strncmp(line, "SigBlk:\t", 8) == 0) {
                blocked = strtoull(line + 8, NULL, 16);
            }
        }
        if (file) {
            (void)fclose(file);
        }
    }
    (void)closedir(threads);
    return blocked;
}

static void test_signals_are_for_the_program(void **state)
{
    struct app *app = *state;
    int fd = client_connect(app); /* once it is answered, the threads have their names */
    struct answer answer = client_ask(fd, LINE "\r\n", 200);
    answer_done(&answer);
    (void)close(fd);
    for (int signal = 1; signal < 32; signal++) {
        if (signal != SIGKILL && signal != SIGSTOP) {
            assert_true(blocked_by("http") >> (signal - 1) & 1);
            assert_true(blocked_by("http-watch") >> (signal - 1) & 1);
        }
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest measured[] = {
        TEST(requests_sent_ahead_take_no_memory),
        TEST(an_idle_connection_holds_little),
    };
    const struct CMUnitTest tests[] = {
        TEST(a_listener_without_descriptors_sleeps), TEST(close_wins_over_keep_alive),
        TEST(what_a_client_sent_is_told_as_json),    TEST(a_client_that_is_silent_is_probed),
        TEST(signals_are_for_the_program),
    };
    int failed = CAN_MEASURE ? cmocka_run_group_tests_name("memory", measured, NULL, NULL) : 0;
    return failed + cmocka_run_group_tests_name("http floods", tests, NULL, NULL);
}
