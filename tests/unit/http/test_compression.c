/* SPDX-License-Identifier: Apache-2.0
 *
 * Encoded answers as a client sees them: whole ones and streams, decoded with the libraries' own
 * decoders; answers that are not encoded; when held pieces arrive; back-pressure on producers.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "harness.h"

#define HOST " HTTP/1.1\r\nHost: x\r\n"
#define END HOST "\r\n"
#define CODED(coding) HOST "Accept-Encoding: " coding "\r\n\r\n"

enum { PIECES = 3000, PIECE = 700, BIG = 3000000 };

static const char *const codings[] = {"zstd", "gzip"};

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

/* A decoder fed in pieces. */
struct decoder {
    ZSTD_DCtx *zstd; /* NULL: gzip */
    z_stream gzip;
    bool ended; /* the frame's end was seen */
    char *out;  /* owned */
    size_t size;
    size_t room;
};

static void decoder_init(struct decoder *decoder, const char *coding, size_t room)
{
    *decoder = (struct decoder){.room = room, .out = malloc(room)};
    assert_non_null(decoder->out);
    if (strcmp(coding, "zstd") == 0) {
        decoder->zstd = ZSTD_createDCtx();
        assert_non_null(decoder->zstd);
    } else {
        assert_int_equal(inflateInit2(&decoder->gzip, 15 + 16), Z_OK);
    }
}

static void decoder_done(struct decoder *decoder)
{
    if (decoder->zstd) {
        (void)ZSTD_freeDCtx(decoder->zstd);
    } else {
        (void)inflateEnd(&decoder->gzip);
    }
    free(decoder->out);
}

static void decode(struct decoder *decoder, void *bytes, size_t size)
{
    if (decoder->zstd) {
        ZSTD_inBuffer from = {.src = bytes, .size = size};
        ZSTD_outBuffer to = {.dst = decoder->out, .size = decoder->room, .pos = decoder->size};
        size_t left = 1;
        while (from.pos < from.size) {
            left = ZSTD_decompressStream(decoder->zstd, &to, &from);
            assert_false(ZSTD_isError(left));
            assert_true(to.pos < to.size);
        }
        decoder->size = to.pos;
        decoder->ended = left == 0;
        return;
    }
    decoder->gzip.next_in = bytes;
    decoder->gzip.avail_in = (unsigned)size;
    decoder->gzip.next_out = (unsigned char *)decoder->out + decoder->size;
    decoder->gzip.avail_out = (unsigned)(decoder->room - decoder->size);
    int r = inflate(&decoder->gzip, Z_SYNC_FLUSH);
    assert_true(r == Z_OK || r == Z_STREAM_END);
    assert_int_equal(decoder->gzip.avail_in, 0);
    decoder->size = decoder->room - decoder->gzip.avail_out;
    decoder->ended = r == Z_STREAM_END;
}

static void expect_coding(const struct answer *answer, const char *coding)
{
    char line[64];
    (void)snprintf(line, sizeof(line), "\nContent-Encoding: %s\n", coding);
    assert_non_null(strstr(answer->head, line));
    assert_non_null(strstr(answer->head, "\nVary: Accept-Encoding\n"));
}

/* The body is the encoding of exactly these bytes. */
static void expect_decoded(const struct answer *answer, const char *coding, const char *bytes,
                           size_t size)
{
    struct decoder decoder;
    expect_coding(answer, coding);
    assert_true(answer->whole);
    decoder_init(&decoder, coding, size + 100);
    decode(&decoder, answer->body, answer->size);
    assert_true(decoder.ended);
    assert_int_equal(decoder.size, size);
    assert_memory_equal(decoder.out, bytes, size);
    decoder_done(&decoder);
}

static char *filled(size_t size, unsigned kind, unsigned seed)
{
    char *bytes = malloc(size);
    assert_non_null(bytes);
    app_fill(bytes, size, kind, seed);
    return bytes;
}

static struct answer ask(int fd, const char *target, const char *field)
{
    char text[512];
    (void)snprintf(text, sizeof(text), "%s" HOST "%s\r\n", target, field);
    return client_ask(fd, text, 200);
}

static void test_whole_answers_on_one_connection(void **state)
{
    struct app *app = *state;
    static const size_t sizes[] = {1024, 5000, 300000, BIG};
    int fd = client_connect(app);
    for (size_t i = 0; i < 8; i++) {
        const char *coding = codings[i % 2];
        size_t size = sizes[i / 2];
        char target[64];
        char field[64];
        (void)snprintf(target, sizeof(target), "GET /text?kind=1&size=%zu", size);
        (void)snprintf(field, sizeof(field), "Accept-Encoding: %s\r\n", coding);
        struct answer answer = ask(fd, target, field);
        cleanup_free char *bytes = filled(size, FILL_LINES, 7);
        expect_decoded(&answer, coding, bytes, size);
        assert_true(answer.size < size / 2);
        answer_done(&answer);
        answer = client_ask(fd, "GET /inline" CODED("zstd"), 200);
        assert_string_equal(answer.body, "inline\n");
        answer_done(&answer);
    }
    (void)close(fd);
}

static void test_the_coding_is_the_one_that_the_client_wants(void **state)
{
    struct app *app = *state;
    static const struct {
        const char *field;
        const char *coding; /* NULL: none */
    } cases[] = {
        {"Accept-Encoding: gzip, deflate, br, zstd\r\n", "zstd"},
        {"accept-encoding: gzip;q=0.9, zstd;q=0.1\r\n", "gzip"},
        {"Accept-Encoding: gzip\r\nAccept-Encoding: zstd\r\n", "zstd"},
        {"Accept-Encoding: br\r\nX-Other: 1\r\nAccept-Encoding: gzip\r\n", "gzip"},
        {"Accept-Encoding: gzip;q=0, zstd;q=0\r\n", NULL},
        {"Accept-Encoding: identity\r\n", NULL},
        {"Accept-Encoding: br\r\n", NULL},
        {"Accept-Encoding:\r\n", NULL},
        {"", NULL},
    };
    int fd = client_connect(app);
    cleanup_free char *bytes = filled(4000, FILL_LINES, 7);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct answer answer = ask(fd, "GET /text?kind=1&size=4000", cases[i].field);
        if (cases[i].coding) {
            expect_decoded(&answer, cases[i].coding, bytes, 4000);
        } else {
            assert_null(strstr(answer.head, "Content-Encoding"));
            assert_non_null(strstr(answer.head, "\nVary: Accept-Encoding\n"));
            assert_int_equal(answer.size, 4000);
            assert_memory_equal(answer.body, bytes, 4000);
        }
        answer_done(&answer);
    }
    (void)close(fd);
}

static void test_what_is_small_or_not_text_is_left_as_it_was(void **state)
{
    struct app *app = *state;
    int fd = client_connect(app);
    static const char *const targets[] = {"GET /text?kind=1&size=1023",
                                          "GET /text?kind=1&size=0",
                                          "GET /inline",
                                          "GET /later",
                                          "GET /big?size=50000",
                                          "GET /text?kind=1&size=50000&type=image/jpeg"};
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        struct answer plain = ask(fd, targets[i], "");
        struct answer wanted = ask(fd, targets[i], "Accept-Encoding: zstd, gzip\r\n");
        assert_null(strstr(wanted.head, "Vary"));
        assert_string_equal(plain.head, wanted.head);
        assert_int_equal(plain.wire_size, wanted.wire_size);
        answer_done(&plain);
        answer_done(&wanted);
    }
    (void)close(fd);
}

static void test_nothing_is_encoded_twice_or_in_vain(void **state)
{
    struct app *app = *state;
    int fd = client_connect(app);
    struct answer answer = client_ask(fd, "GET /text?kind=1&size=5000&coded=1" CODED("zstd"), 200);
    assert_non_null(strstr(answer.head, "\nContent-Encoding: x-own\n"));
    assert_null(strstr(answer.head, "zstd"));
    assert_int_equal(answer.size, 5000);
    answer_done(&answer);
    answer = client_ask(fd, "GET /text?kind=2&size=5000" CODED("zstd, gzip"), 200);
    assert_null(strstr(answer.head, "Content-Encoding"));
    assert_int_equal(answer.size, 5000);
    answer_done(&answer);
    /* Larger than the limit for encoding a whole body: it is sent as it is. */
    answer = client_ask(fd, "GET /text?kind=1&size=9000000" CODED("zstd"), 200);
    assert_null(strstr(answer.head, "Content-Encoding"));
    assert_int_equal(answer.size, 9000000);
    answer_done(&answer);
    (void)close(fd);
}

static void test_head_tells_what_get_would_send(void **state)
{
    struct app *app = *state;
    int fd = client_connect(app);
    for (int i = 0; i < 2; i++) {
        char field[64];
        (void)snprintf(field, sizeof(field), "Accept-Encoding: %s\r\n", codings[i]);
        struct answer got = ask(fd, "GET /text?kind=1&size=5000", field);
        struct answer head = ask(fd, "HEAD /text?kind=1&size=5000", field);
        assert_string_equal(got.head, head.head);
        expect_coding(&head, codings[i]);
        answer_done(&got);
        answer_done(&head);
    }
    struct answer head =
        client_ask(fd, "HEAD /stream?kind=1&count=3000&size=700" CODED("zstd"), 200);
    expect_coding(&head, "zstd");
    answer_done(&head);
    head =
        client_ask(fd, "GET /text?kind=1&size=5000" CODED("x"), 200); /* no byte of the body came */
    answer_done(&head);
    (void)close(fd);
}

/* All pieces of a stream, one after another. */
static char *filled_pieces(size_t count, size_t size, unsigned kind)
{
    char *bytes = malloc(count * size);
    assert_non_null(bytes);
    for (size_t i = 0; i < count; i++) {
        app_fill(bytes + i * size, size, kind, (unsigned)i);
    }
    return bytes;
}

static void test_streams_are_whole_and_the_connection_is_kept(void **state)
{
    struct app *app = *state;
    int fd = client_connect(app);
    for (unsigned i = 0; i < 4; i++) {
        const char *coding = codings[i % 2];
        unsigned kind = 1 + i / 2;
        char target[64];
        char field[64];
        (void)snprintf(target, sizeof(target), "GET /stream?count=%d&size=%d&kind=%u", PIECES,
                       PIECE, kind);
        (void)snprintf(field, sizeof(field), "Accept-Encoding: %s\r\n", coding);
        struct answer answer = ask(fd, target, field);
        cleanup_free char *bytes = filled_pieces(PIECES, PIECE, kind);
        expect_decoded(&answer, coding, bytes, (size_t)PIECES * PIECE);
        assert_true(kind == FILL_NOISE || answer.size < (size_t)PIECES * PIECE / 2);
        answer_done(&answer);
    }
    for (unsigned i = 0; i < 2; i++) {
        char field[64];
        (void)snprintf(field, sizeof(field), "Accept-Encoding: %s\r\n", codings[i]);
        struct answer answer = ask(fd, "GET /stream?count=0&size=0", field);
        expect_decoded(&answer, codings[i], "", 0);
        answer_done(&answer);
    }
    (void)close(fd);
    assert_int_equal(atomic_load(&app->append_result), 0);
}

static void test_a_stream_without_a_coding_says_that_it_could_have_one(void **state)
{
    struct app *app = *state;
    int fd = client_connect(app);
    struct answer answer = client_ask(fd, "GET /stream?count=3&size=2" END, 200);
    assert_null(strstr(answer.head, "Content-Encoding"));
    assert_non_null(strstr(answer.head, "\nVary: Accept-Encoding\n"));
    assert_string_equal(answer.body, "aabbcc");
    answer_done(&answer);
    answer = client_ask(fd, "GET /stream?count=3&size=2" CODED("zstd"), 200);
    assert_int_equal(strlen(answer.head),
                     strlen("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n"
                            "Content-Type: application/x-ndjson\nContent-Encoding: zstd\n"
                            "Vary: Accept-Encoding\n\n"));
    answer_done(&answer);
    (void)close(fd);
}

/* A slow reader: the pending bytes in the server stay near the producer's mark, and it gets each
 * drain that it waits for; a missing one costs it DRAIN_S. */
static void slow_reader(struct app *app, const char *coding, unsigned kind, size_t most)
{
    enum { COUNT = 2600, SIZE = 4000 };
    char text[256];
    int64_t start_ns = clock_now_ns();
    int fd = client_connect(app);
    (void)snprintf(text, sizeof(text),
                   "GET /stream?count=%d&size=%d&kind=%u" HOST "Accept-Encoding: %s\r\n\r\n", COUNT,
                   SIZE, kind, coding);
    client_send_text(fd, text);
    sleep_ms(200); /* the socket's buffers fill */
    struct answer answer;
    client_read(fd, false, &answer);
    assert_in_range((clock_now_ns() - start_ns) / NS_PER_MS, 200, DRAIN_S * 1000 - 1000);
    cleanup_free char *bytes = filled_pieces(COUNT, SIZE, kind);
    expect_decoded(&answer, coding, bytes, (size_t)COUNT * SIZE);
    answer_done(&answer);
    assert_in_range(atomic_load(&app->pending_most), 1, most);
    (void)close(fd);
}

static void test_a_slow_reader_holds_the_producer_back(void **state)
{
    for (int i = 0; i < 2; i++) {
        slow_reader(*state, codings[i], FILL_NOISE, 64 * 1024 + 16 * 1024 + 8000);
        slow_reader(*state, codings[i], FILL_LINES, 64 * 1024 + 16 * 1024 + 8000);
    }
}

/* Reads a stream's chunks as they come. */
struct live {
    int fd;
    struct decoder decoder;
    char raw[65536];
    size_t size;
    unsigned chunks;
};

static void live_open(struct live *live, int fd, const char *coding)
{
    *live = (struct live){.fd = fd};
    decoder_init(&live->decoder, coding, 1 << 20);
    char byte[4] = "";
    while (memcmp(byte, "\r\n\r\n", 4) != 0) {
        memmove(byte, byte + 1, 3);
        assert_int_equal(recv(fd, byte + 3, 1, 0), 1);
    }
}

static void live_close(struct live *live)
{
    decoder_done(&live->decoder);
    (void)close(live->fd);
}

/* Removes whole chunks from the received bytes. */
static void take_chunks(struct live *live)
{
    for (;;) {
        live->raw[live->size] = '\0';
        char *line = strstr(live->raw, "\r\n");
        size_t chunk = line ? strtoul(live->raw, NULL, 16) : 0;
        if (chunk == 0 || (size_t)(line + 2 - live->raw) + chunk + 2 > live->size) {
            return;
        }
        decode(&live->decoder, line + 2, chunk);
        live->chunks++;
        size_t used = (size_t)(line + 2 - live->raw) + chunk + 2;
        memmove(live->raw, live->raw + used, live->size - used);
        live->size -= used;
    }
}

/* Reads until that many bytes are decoded; returns the milliseconds it took. */
static int64_t live_read(struct live *live, size_t decoded)
{
    int64_t start_ns = clock_now_ns();
    while (live->decoder.size < decoded) {
        struct pollfd wait = {.fd = live->fd, .events = POLLIN};
        assert_int_equal(poll(&wait, 1, 5000), 1);
        ssize_t got = recv(live->fd, live->raw + live->size, sizeof(live->raw) - 1 - live->size, 0);
        assert_true(got > 0);
        live->size += (size_t)got;
        take_chunks(live);
    }
    assert_int_equal(live->decoder.size, decoded);
    return (clock_now_ns() - start_ns) / NS_PER_MS;
}

static struct http_request *open_stream(struct app *app, const char *coding, struct live *live)
{
    char text[256];
    int fd = client_connect(app);
    (void)snprintf(text, sizeof(text),
                   "GET /stream?count=0&size=0&hold=1" HOST "Accept-Encoding: %s\r\n\r\n", coding);
    client_send_text(fd, text);
    live_open(live, fd, coding);
    return app_take_held(app);
}

/* The machine may be busy: the best of five rounds counts. */
static void test_a_small_piece_arrives_by_itself(void **state)
{
    struct app *app = *state;
    for (int i = 0; i < 2; i++) {
        struct live live;
        struct http_request *request = open_stream(app, codings[i], &live);
        int64_t best_ms = INT64_MAX;
        char piece[50];
        for (unsigned round = 0; round < 5; round++) {
            app_fill(piece, sizeof(piece), FILL_NOISE, round);
            assert_int_equal(http_stream_append(request, piece, sizeof(piece)), 0);
            int64_t ms = live_read(&live, (round + 1) * sizeof(piece));
            best_ms = ms < best_ms ? ms : best_ms;
            assert_memory_equal(live.decoder.out + round * sizeof(piece), piece, sizeof(piece));
        }
        assert_in_range(best_ms, 0, 999);
        assert_int_equal(http_stream_pending(request), 0);
        http_stream_end(request, false);
        http_request_unref(request);
        live_close(&live);
    }
}

/* One chunk, unless this thread is delayed: the best of some rounds counts. */
static void test_pieces_that_come_together_are_sent_together(void **state)
{
    struct app *app = *state;
    unsigned fewest = 20;
    size_t most = 0;
    for (unsigned round = 0; round < 10 && (fewest > 3 || most == 0); round++) {
        struct live live;
        struct http_request *request = open_stream(app, "zstd", &live);
        for (unsigned i = 0; i < 20; i++) {
            char piece[100];
            app_fill(piece, sizeof(piece), FILL_LINES, i);
            assert_int_equal(http_stream_append(request, piece, sizeof(piece)), 0);
        }
        size_t pending = http_stream_pending(request);
        assert_in_range(pending, 0, 2000);
        most = pending > most ? pending : most;
        (void)live_read(&live, 2000);
        fewest = (unsigned)live.chunks < fewest ? (unsigned)live.chunks : fewest;
        http_stream_end(request, false);
        http_request_unref(request);
        live_close(&live);
    }
    assert_in_range(fewest, 1, 3);
    assert_in_range(most, 1, 2000);
}

static void test_a_flush_sends_at_once(void **state)
{
    struct app *app = *state;
    for (int i = 0; i < 2; i++) {
        struct live live;
        struct http_request *request = open_stream(app, codings[i], &live);
        int64_t best_ms = INT64_MAX;
        for (unsigned round = 0; round < 5; round++) {
            assert_int_equal(http_stream_append(request, "0123456789", 10), 0);
            http_stream_flush(request);
            int64_t ms = live_read(&live, (round + 1) * 10);
            best_ms = ms < best_ms ? ms : best_ms;
        }
        assert_in_range(best_ms, 0, 60); /* never under 80 without it */
        http_stream_flush(request);      /* nothing held: nothing sent */
        assert_int_equal(http_stream_pending(request), 0);
        /* One for each round, and one more if the listener runs between append and flush. */
        assert_in_range(live.chunks, 5, 10);
        http_stream_end(request, false);
        http_stream_flush(request);
        http_request_unref(request);
        live_close(&live);
    }
}

static void test_many_streams_at_once_hold_nothing_for_ever(void **state)
{
    enum { STREAMS = 60 };
    struct app *app = *state;
    struct http_request *requests[STREAMS];
    struct live *streams = calloc(STREAMS, sizeof(*streams));
    assert_non_null(streams);
    for (unsigned i = 0; i < STREAMS; i++) {
        requests[i] = open_stream(app, codings[i % 2], &streams[i]);
    }
    for (unsigned round = 1; round <= 4; round++) {
        for (unsigned i = 0; i < STREAMS; i++) {
            assert_int_equal(http_stream_append(requests[i], "0123456789", 10), 0);
            sleep_ms(i % 4 ? 0 : 2);
        }
        for (unsigned i = 0; i < STREAMS; i++) {
            (void)live_read(&streams[i], 10 * round);
        }
    }
    for (unsigned i = 0; i < STREAMS; i++) {
        http_stream_end(requests[i], i % 3 == 0);
        http_request_unref(requests[i]);
        live_close(&streams[i]);
    }
    free(streams);
}

static void test_an_aborted_stream_is_seen_to_be_cut(void **state)
{
    struct app *app = *state;
    for (unsigned i = 0; i < 2; i++) {
        int fd = client_connect(app);
        client_send_text(fd, i ? "GET /stream?count=300&size=100&kind=1&hold=1" CODED("gzip")
                               : "GET /stream?count=300&size=100&kind=1&hold=1" CODED("zstd"));
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
        wait_for(&app->gone, i + 1);
        assert_int_equal(http_stream_pending(request), 0);
        http_request_unref(request);
    }
}

static void test_a_client_that_leaves_ends_its_encoded_stream(void **state)
{
    struct app *app = *state;
    struct live live;
    struct http_request *request = open_stream(app, "zstd", &live);
    assert_int_equal(http_stream_append(request, "held", 4), 0);
    live_close(&live);
    wait_for(&app->gone, 1);
    assert_int_equal(http_stream_pending(request), 0);
    assert_true(http_stream_append(request, "more", 4) < 0);
    http_stream_flush(request);
    http_stream_end(request, false);
    http_request_unref(request);
}

/* Everything until the server closes. */
static size_t read_to_the_end(int fd, char *to, size_t room)
{
    size_t size = 0;
    ssize_t got = 0;
    while (size < room && (got = recv(fd, to + size, room - size, 0)) > 0) {
        size += (size_t)got;
    }
    assert_int_equal(got, 0);
    return size;
}

static void test_an_old_client_gets_its_stream_without_chunks(void **state)
{
    struct app *app = *state;
    for (unsigned i = 0; i < 2; i++) {
        char text[256];
        char raw[65536];
        (void)snprintf(
            text, sizeof(text),
            "GET /stream?count=100&size=300&kind=1 HTTP/1.0\r\nAccept-Encoding: %s\r\n\r\n",
            codings[i]);
        int fd = client_connect(app);
        client_send_text(fd, text);
        size_t size = read_to_the_end(fd, raw, sizeof(raw) - 1);
        raw[size] = '\0';
        char *body = strstr(raw, "\r\n\r\n");
        assert_non_null(body);
        body[2] = '\0';
        body += 4;
        assert_non_null(strstr(raw, "Content-Encoding: "));
        assert_null(strstr(raw, "chunked"));
        struct decoder decoder;
        decoder_init(&decoder, codings[i], 100000);
        decode(&decoder, body, size - (size_t)(body - raw));
        cleanup_free char *bytes = filled_pieces(100, 300, FILL_LINES);
        assert_true(decoder.ended);
        assert_int_equal(decoder.size, 30000);
        assert_memory_equal(decoder.out, bytes, 30000);
        decoder_done(&decoder);
        (void)close(fd);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(whole_answers_on_one_connection),
        TEST(the_coding_is_the_one_that_the_client_wants),
        TEST(what_is_small_or_not_text_is_left_as_it_was),
        TEST(nothing_is_encoded_twice_or_in_vain),
        TEST(head_tells_what_get_would_send),
        TEST(streams_are_whole_and_the_connection_is_kept),
        TEST(a_stream_without_a_coding_says_that_it_could_have_one),
        TEST(a_slow_reader_holds_the_producer_back),
        TEST(a_small_piece_arrives_by_itself),
        TEST(pieces_that_come_together_are_sent_together),
        TEST(a_flush_sends_at_once),
        TEST(many_streams_at_once_hold_nothing_for_ever),
        TEST(an_aborted_stream_is_seen_to_be_cut),
        TEST(a_client_that_leaves_ends_its_encoded_stream),
        TEST(an_old_client_gets_its_stream_without_chunks),
    };
    return cmocka_run_group_tests_name("http compression", tests, NULL, NULL);
}
