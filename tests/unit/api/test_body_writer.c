/* SPDX-License-Identifier: Apache-2.0
 *
 * Bodies that are written on other threads than the listener's: in order, complete, in limited
 * memory, and given up if there is no thread or no space on the disk. Counters replace the call and
 * its request.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/body_writer.h"
#include "base/limits.h"

enum { PIECE = 32 << 10 };

/* Replaces the call, the listener and the disk. */
struct bench {
    struct service service;
    struct call call;
    struct body_writer *writer;
    pthread_t listener;
    pthread_mutex_t lock; /* guards written and fault */
    struct buffer written;
    int fault;
    pthread_mutex_t disk; /* held: the disk accepts nothing */
    atomic_bool on_listener;
    atomic_bool two_at_once;
    atomic_int writing;
};

static atomic_uint resumed;

void http_body_resume(struct http_request *request)
{
    (void)request;
    atomic_fetch_add(&resumed, 1);
}

struct call *call_ref(struct call *call)
{
    atomic_fetch_add(&call->references, 1);
    return call;
}

void call_unref(struct call *call)
{
    atomic_fetch_sub(&call->references, 1);
}

static int write_slowly(void *context, const void *bytes, size_t size)
{
    struct bench *bench = context;
    if (pthread_equal(pthread_self(), bench->listener)) {
        atomic_store(&bench->on_listener, true);
    }
    if (atomic_fetch_add(&bench->writing, 1) != 0) {
        atomic_store(&bench->two_at_once, true);
    }
    (void)pthread_mutex_lock(&bench->disk);
    (void)pthread_mutex_unlock(&bench->disk);
    HOLD(&bench->lock);
    buffer_append(&bench->written, bytes, size);
    atomic_fetch_sub(&bench->writing, 1);
    return bench->fault;
}

static int set_up(void **state, unsigned tasks)
{
    struct bench *bench = calloc(1, sizeof *bench);
    assert_non_null(bench);
    bench->listener = pthread_self();
    (void)pthread_mutex_init(&bench->lock, NULL);
    (void)pthread_mutex_init(&bench->disk, NULL);
    bench->call.service = &bench->service;
    atomic_store(&bench->call.references, 1);
    atomic_store(&resumed, 0);
    assert_int_equal(tasks_new(tasks, &bench->service.transfers), 0);
    assert_int_equal(body_writer_new(&bench->call, write_slowly, bench, &bench->writer), 0);
    *state = bench;
    return 0;
}

static int set_up_some(void **state)
{
    return set_up(state, 4);
}

static int set_up_none(void **state)
{
    return set_up(state, 0);
}

static int take_down(void **state)
{
    struct bench *bench = *state;
    tasks_free(bench->service.transfers);
    assert_int_equal(atomic_load(&bench->call.references), 1);
    body_writer_free(bench->writer);
    buffer_done(&bench->written);
    (void)pthread_mutex_destroy(&bench->lock);
    (void)pthread_mutex_destroy(&bench->disk);
    free(bench);
    return 0;
}

/* The same piece again and again until there is room, as the HTTP server passes it. */
static int put(struct bench *bench, const void *bytes, size_t size)
{
    for (unsigned seen = atomic_load(&resumed);; seen++) {
        int r = body_writer_put(bench->writer, bytes, size);
        if (r != HTTP_SINK_FULL) {
            return r;
        }
        for (int i = 0; i < 5000 && atomic_load(&resumed) == seen; i++) {
            (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        }
        assert_true(atomic_load(&resumed) > seen);
    }
}

static void fill(uint32_t *piece, uint32_t number)
{
    for (size_t i = 0; i < PIECE / sizeof *piece; i++) {
        piece[i] = number * 40503u + (uint32_t)i;
    }
}

static void test_all_bytes_arrive_in_order_and_none_is_written_by_the_listener(void **state)
{
    struct bench *bench = *state;
    struct error error = {0};
    cleanup_free uint32_t *piece = malloc(PIECE);
    assert_non_null(piece);
    for (uint32_t i = 0; i < 300; i++) {
        fill(piece, i);
        assert_int_equal(put(bench, piece, PIECE), 0);
    }
    assert_false(atomic_load(&bench->on_listener));
    assert_int_equal(put(bench, "the end", 7), 0);
    assert_int_equal(body_writer_finish(bench->writer, &error), 0);
    assert_false(atomic_load(&bench->two_at_once));
    assert_int_equal(bench->written.size, 300 * PIECE + 7);
    for (uint32_t i = 0; i < 300; i++) {
        fill(piece, i);
        assert_memory_equal(bench->written.data + i * (size_t)PIECE, piece, PIECE);
    }
    assert_memory_equal(bench->written.data + 300 * (size_t)PIECE, "the end", 7);
}

static void test_a_disk_that_takes_nothing_holds_the_client_and_not_the_listener(void **state)
{
    struct bench *bench = *state;
    struct error error = {0};
    cleanup_free uint32_t *piece = calloc(1, PIECE);
    assert_non_null(piece);
    (void)pthread_mutex_lock(&bench->disk);
    size_t taken = 0;
    int r = 0;
    while (r == 0 && taken < 64 * MIB) {
        r = body_writer_put(bench->writer, piece, PIECE);
        taken += r == 0 ? PIECE : 0;
    }
    assert_int_equal(r, HTTP_SINK_FULL);
    assert_in_range(taken, LIMIT_BODY_WAITING_BYTES, 2 * LIMIT_BODY_WAITING_BYTES);
    (void)pthread_mutex_unlock(&bench->disk);
    assert_int_equal(put(bench, piece, PIECE), 0);
    assert_int_equal(body_writer_finish(bench->writer, &error), 0);
    assert_int_equal(bench->written.size, taken + PIECE);
}

static void test_a_fault_ends_the_writing(void **state)
{
    struct bench *bench = *state;
    struct error error = {0};
    cleanup_free uint32_t *piece = calloc(1, PIECE);
    assert_non_null(piece);
    bench->fault = -ENOSPC;
    int r = 0;
    for (int i = 0; i < 2000 && r == 0; i++) {
        r = put(bench, piece, PIECE);
    }
    assert_int_equal(r, -ENOSPC);
    assert_int_equal(body_writer_finish(bench->writer, &error), 0);
    assert_int_equal(error.code, ERROR_NONE); /* the writing thread reports it */
    assert_in_range(bench->written.size, 1, LIMIT_BODY_WAITING_BYTES + PIECE);
}

static void test_without_a_task_the_body_is_refused_as_busy(void **state)
{
    struct bench *bench = *state;
    struct error error = {0};
    cleanup_free uint32_t *piece = calloc(1, PIECE);
    assert_non_null(piece);
    int r = 0;
    for (int i = 0; i < 8 && r == 0; i++) {
        r = body_writer_put(bench->writer, piece, PIECE);
    }
    assert_int_equal(r, -EBUSY);
    assert_int_equal(body_writer_finish(bench->writer, &error), -EBUSY);
    assert_int_equal(error.code, ERROR_BUSY);
    assert_int_equal(bench->written.size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_all_bytes_arrive_in_order_and_none_is_written_by_the_listener, set_up_some,
            take_down),
        cmocka_unit_test_setup_teardown(
            test_a_disk_that_takes_nothing_holds_the_client_and_not_the_listener, set_up_some,
            take_down),
        cmocka_unit_test_setup_teardown(test_a_fault_ends_the_writing, set_up_some, take_down),
        cmocka_unit_test_setup_teardown(test_without_a_task_the_body_is_refused_as_busy,
                                        set_up_none, take_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
