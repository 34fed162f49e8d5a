/* SPDX-License-Identifier: Apache-2.0
 *
 * Heads and framing that two readers could read as two different requests, or that are too large:
 * each gets exactly one answer, in JSON, and then the connection ends; over TCP, over a unix
 * socket, byte by byte, and after a good request on the same connection.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"

#define LINE "GET /inline HTTP/1.1\r\n"
#define GET LINE "Host: x\r\n"
#define POST "POST /echo HTTP/1.1\r\nHost: x\r\n"
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"

struct sample {
    const char *name;
    const char *bytes;
    size_t size;
    unsigned status;
};

#define SAMPLE(name, bytes, status)                                                                \
    {                                                                                              \
        name, bytes, sizeof(bytes) - 1, status                                                     \
    }

static const struct sample refused[] = {
    SAMPLE("no Host", LINE "\r\n", 400),
    SAMPLE("two Hosts", GET "Host: x\r\n\r\n", 400),
    SAMPLE(
        "two Content-Types",
        POST
        "Content-Type: application/json\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}",
        400),
    SAMPLE("user information in Host", LINE "Host: localhost:80@evil\r\n\r\n", 400),
    SAMPLE("a Host with a path", LINE "Host: x/y\r\n\r\n", 400),
    SAMPLE("a Host with a bad port", LINE "Host: x:8x\r\n\r\n", 400),
    SAMPLE("a Host with a blank", LINE "Host: x y\r\n\r\n", 400),
    SAMPLE("another host in the target", "GET http://evil/inline HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    SAMPLE("blank before the colon", GET "X-A : b\r\n\r\n", 400),
    SAMPLE("blank before Host's colon", LINE "Host : x\r\n\r\n", 400),
    SAMPLE("blank before Transfer-Encoding's colon",
           POST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400),
    SAMPLE("tab before the colon", GET "X-A\t: b\r\n\r\n", 400),
    SAMPLE("NUL in a value", GET "X-A: a\0b\r\n\r\n", 400),
    SAMPLE("NUL in Host", LINE "Host: x\0.evil\r\n\r\n", 400),
    SAMPLE("NUL in a name", GET "X\0A: a\r\n\r\n", 400),
    SAMPLE("NUL in the target", "GET /inline\0x HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    SAMPLE("control byte in a value", GET "X-A: a\x01\r\n\r\n", 400),
    SAMPLE("bare LF, all lines", "GET /inline HTTP/1.1\nHost: x\n\n", 400),
    SAMPLE("bare LF, one line", GET "X-A: b\nX-B: c\r\n\r\n", 400),
    SAMPLE("bare LF, the last line", GET "\n", 400),
    SAMPLE("bare CR", GET "X-A: b\rX-B: c\r\n\r\n", 400),
    SAMPLE("folded line", GET "X-A: b\r\n c\r\n\r\n", 400),
    SAMPLE("folded first line", LINE " X-A: b\r\nHost: x\r\n\r\n", 400),
    SAMPLE("no colon", GET "XA\r\n\r\n", 400),
    SAMPLE("no name", GET ": x\r\n\r\n", 400),
    SAMPLE("a name that is no token", GET "X(A): x\r\n\r\n", 400),
    SAMPLE("no version", "GET /inline\r\nHost: x\r\n\r\n", 400),
    SAMPLE("another protocol", "GET /inline HTTQ/1.1\r\nHost: x\r\n\r\n", 400),
    SAMPLE("another version", "GET /inline HTTP/2.0\r\nHost: x\r\n\r\n", 505),
    SAMPLE("two blanks", "GET  /inline HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    SAMPLE("a blank in the target", "GET /in line HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    SAMPLE("tabs in the request line", "GET\t/inline\tHTTP/1.1\r\nHost: x\r\n\r\n", 400),
    SAMPLE("a TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03zzzz\r\n\r\n", 400),
    SAMPLE("lengths that differ", POST "Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc", 400),
    SAMPLE("a length twice", POST "Content-Length: 2\r\nContent-Length: 2\r\n\r\nab", 400),
    SAMPLE("a list of lengths", POST "Content-Length: 2, 2\r\n\r\nab", 400),
    SAMPLE("a length that is a word", POST "Content-Length: abc\r\n\r\n", 400),
    SAMPLE("a negative length", POST "Content-Length: -1\r\n\r\n", 400),
    SAMPLE("a length with a sign", POST "Content-Length: +2\r\n\r\nab", 400),
    SAMPLE("an empty length", POST "Content-Length: \r\n\r\n", 400),
    SAMPLE("a length in hexadecimal", POST "Content-Length: 0x2\r\n\r\nab", 400),
    SAMPLE("a length beyond 64 bits", POST "Content-Length: 99999999999999999999999\r\n\r\n", 413),
    SAMPLE("length and chunks",
           POST "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    SAMPLE("chunks and length",
           POST "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n", 400),
    SAMPLE("chunks twice", POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
           400),
    SAMPLE("a coding before chunks", POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400),
    SAMPLE("chunks in HTTP/1.0",
           "POST /echo HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    SAMPLE("a chunk's size that is none", CHUNKED "zz\r\nab\r\n0\r\n\r\n", 400),
    SAMPLE("a chunk's size that is empty", CHUNKED "\r\nab\r\n0\r\n\r\n", 400),
    SAMPLE("a chunk's size with a blank", CHUNKED "2 \r\nab\r\n0\r\n\r\n", 400),
    SAMPLE("a chunk's size with 0x", CHUNKED "0x2\r\nab\r\n0\r\n\r\n", 400),
    SAMPLE("a chunk's size beyond 60 bits", CHUNKED "fffffffffffffffffff\r\n", 413),
    SAMPLE("bare LF behind a chunk's size", CHUNKED "2\nab\r\n0\r\n\r\n", 400),
    SAMPLE("bare LF behind a chunk", CHUNKED "2\r\nab\n0\r\n\r\n", 400),
    SAMPLE("a chunk that is longer than it says", CHUNKED "2\r\nabc\r\n0\r\n\r\n", 400),
    SAMPLE("NUL in a chunk extension", CHUNKED "2;a=\0\r\nab\r\n0\r\n\r\n", 400),
    SAMPLE("bare LF in the trailer", CHUNKED "2\r\nab\r\n0\r\nX: y\n\r\n", 400),
    SAMPLE("no colon in the trailer", CHUNKED "2\r\nab\r\n0\r\nX: y\r\nZ\r\n\r\n", 400),
    SAMPLE("no name in the trailer", CHUNKED "2\r\nab\r\n0\r\n: y\r\n\r\n", 400),
    SAMPLE("a blank before the trailer's colon", CHUNKED "2\r\nab\r\n0\r\nX : y\r\n\r\n", 400),
    SAMPLE("a folded trailer", CHUNKED "2\r\nab\r\n0\r\nX: y\r\n z\r\n\r\n", 400),
    SAMPLE("a request in the trailer's place", CHUNKED "2\r\nab\r\n0\r\n" GET "\r\n", 400),
};

enum { REFUSED = sizeof(refused) / sizeof(refused[0]) };

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

/* One answer with a JSON body that holds an error, then the end. */
static void expect_one_refusal(int fd, const char *name, unsigned status)
{
    struct answer answer;
    client_read(fd, false, &answer);
    if (answer.status != status || !answer.whole ||
        strncmp(answer.body, "{\"error\":\"", 10) != 0 ||
        !strstr(answer.head, "Connection: close\n")) {
        fail_msg("%s: %u, %s", name, answer.status, answer.body ? answer.body : "(no body)");
    }
    answer_done(&answer);
    char byte = 0;
    if (recv(fd, &byte, 1, 0) != 0) {
        fail_msg("%s: more than one answer, or a reset", name);
    }
    (void)close(fd);
}

static void test_each_refused_head_gets_one_answer(void **state)
{
    struct app *app = *state;
    for (size_t i = 0; i < REFUSED; i++) {
        for (int is_unix = 0; is_unix < 2; is_unix++) {
            int fd = is_unix ? client_connect_unix(app) : client_connect(app);
            client_send(fd, refused[i].bytes, refused[i].size);
            expect_one_refusal(fd, refused[i].name, refused[i].status);
        }
    }
}

static void test_a_refused_head_that_comes_byte_by_byte_gets_one_answer(void **state)
{
    struct app *app = *state;
    for (size_t i = 0; i < REFUSED; i++) {
        int fd = client_connect_unix(app);
        for (size_t at = 0; at < refused[i].size; at++) {
            if (send(fd, refused[i].bytes + at, 1, MSG_NOSIGNAL) < 0) {
                break; /* it was refused before its end */
            }
            struct pollfd wait = {.fd = fd, .events = POLLIN};
            if (poll(&wait, 1, 0) > 0) {
                break;
            }
        }
        expect_one_refusal(fd, refused[i].name, refused[i].status);
    }
}

static void test_a_refused_head_behind_a_good_one_gets_its_own_answer(void **state)
{
    struct app *app = *state;
    for (size_t i = 0; i < REFUSED; i++) {
        static char both[1024];
        static const char later[] = "GET /later HTTP/1.1\r\nHost: x\r\n\r\n";
        size_t size = strlen(later);
        memcpy(both, later, size);
        memcpy(both + size, refused[i].bytes, refused[i].size);
        int fd = client_connect(app);
        client_send(fd, both, size + refused[i].size);
        struct answer answer;
        client_read(fd, false, &answer);
        assert_int_equal(answer.status, 200);
        answer_done(&answer);
        expect_one_refusal(fd, refused[i].name, refused[i].status);
    }
}

/* `count` times `piece`, which may have a %zu. */
static char *repeat(const char *before, const char *piece, size_t count, const char *after)
{
    size_t room = strlen(before) + strlen(after) + count * (strlen(piece) + 8) + 1;
    char *text = malloc(room);
    assert_non_null(text);
    size_t at = (size_t)snprintf(text, room, "%s", before);
    for (size_t i = 0; i < count; i++) {
        size_t size = strlen(piece);
        memcpy(text + at, piece, size);
        at += size;
    }
    (void)snprintf(text + at, room - at, "%s", after);
    return text;
}

static void test_heads_beyond_the_limits_get_one_answer(void **state)
{
    struct app *app = *state;
    struct {
        const char *name;
        const char *before;
        const char *piece;
        size_t count;
        const char *after;
        unsigned status;
    } samples[] = {
        {"a long target", "GET /", "a", 40000, " HTTP/1.1\r\nHost: x\r\n\r\n", 414},
        {"a long method", "", "G", 40000, " / HTTP/1.1\r\nHost: x\r\n\r\n", 414},
        {"a long value", GET "X: ", "a", 40000, "\r\n\r\n", 431},
        {"many fields", GET, "X: y\r\n", 300, "\r\n", 431},
        {"very many fields", GET, "X: y\r\n", 9000, "\r\n", 431},
        {"many query pairs", "GET /?a=1", "&a=1", 490, " HTTP/1.1\r\nHost: x\r\n\r\n", 414},
        {"many cookies", GET "Cookie: a=1", "; a=1", 450, "\r\n\r\n", 431},
        {"a long chunk extension", CHUNKED "2;", "x", 32768, "\r\nab\r\n0\r\n\r\n", 400},
        {"a long trailer", CHUNKED "2\r\nab\r\n0\r\n", "X: y\r\n", 9000, "\r\n", 431},
        {"empty lines without end", "", "\r\n", 500, GET "\r\n", 400},
    };
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        cleanup_free char *text =
            repeat(samples[i].before, samples[i].piece, samples[i].count, samples[i].after);
        int fd = client_connect(app);
        client_send_text(fd, text);
        expect_one_refusal(fd, samples[i].name, samples[i].status);
    }
}

static void expect(struct app *app, const char *request, unsigned status, const char *body)
{
    int fd = client_connect(app);
    struct answer answer = client_ask(fd, request, status);
    assert_string_equal(answer.body, body);
    answer_done(&answer);
    (void)close(fd);
}

static void test_what_is_unusual_and_right_is_taken(void **state)
{
    struct app *app = *state;
    expect(app, "\r\n\r\n" GET "\r\n", 200, "inline\n");
    expect(app, LINE "Host:x\r\n\r\n", 200, "inline\n");
    expect(app, LINE "Host:  \t x:80 \t\r\nX-A:\r\n\r\n", 200, "inline\n");
    expect(app, LINE "host: [::1]:7433\r\n\r\n", 200, "inline\n");
    expect(app, LINE "Host: \r\n\r\n", 200, "inline\n");
    expect(app, GET "X-\xc3\xa9: a\r\n\r\n", 400,
           "{\"error\":\"a line of the head is not a field name, a colon right behind it, and a "
           "value\",\"code\":\"malformed\"}\n");
    expect(app, GET "X-A: caf\xe9 \xc3\xa9\r\n\r\n", 200, "inline\n");
    expect(app, "GET /inline HTTP/1.0\r\n\r\n", 200, "inline\n");
    expect(app, "GET http://X:99/inline HTTP/1.1\r\nHost: x\r\n\r\n", 200, "inline\n");
    expect(app, POST "Content-Length: 0002\r\n\r\nab", 200, "ab");
    expect(app, CHUNKED "1;x=y;z\r\na\r\n01\r\nb\r\n0\r\nHost: evil\r\nContent-Length: 9\r\n\r\n",
           200, "ab");
    expect(app, POST "transfer-encoding: Chunked\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n", 200,
           "0123456789");
}

static void test_an_old_client_gets_its_answer_unchunked(void **state)
{
    struct app *app = *state;
    int fd = client_connect(app);
    client_send_text(fd, "GET /stream?count=3&size=4 HTTP/1.0\r\n\r\n");
    char text[4096];
    size_t size = 0;
    ssize_t got = 0;
    while ((got = recv(fd, text + size, sizeof(text) - 1 - size, 0)) > 0) {
        size += (size_t)got;
    }
    text[size] = '\0';
    assert_int_equal(got, 0);
    assert_null(strstr(text, "chunked"));
    assert_non_null(strstr(text, "Connection: close\r\n"));
    assert_string_equal(strstr(text, "\r\n\r\n"), "\r\n\r\naaaabbbbcccc");
    (void)close(fd);
    fd = client_connect(app); /* and may ask to keep its connection */
    for (int i = 0; i < 2; i++) {
        struct answer answer =
            client_ask(fd, "GET /later HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", 200);
        assert_non_null(strstr(answer.head, "Connection: keep-alive\n"));
        answer_done(&answer);
    }
    (void)close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_refused_head_gets_one_answer),
        TEST(a_refused_head_that_comes_byte_by_byte_gets_one_answer),
        TEST(a_refused_head_behind_a_good_one_gets_its_own_answer),
        TEST(heads_beyond_the_limits_get_one_answer),
        TEST(what_is_unusual_and_right_is_taken),
        TEST(an_old_client_gets_its_answer_unchunked),
    };
    return cmocka_run_group_tests_name("http heads", tests, NULL, NULL);
}
