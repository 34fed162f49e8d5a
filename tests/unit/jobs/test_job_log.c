/* SPDX-License-Identifier: Apache-2.0
 *
 * A job's log: what was synced is read, in order and once, whatever happened to the file's end or
 * to the disk in between.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "disk_fixture.h"
#include "jobs/job_log.h"

/* In place of the C library's calls: so many of the next ones fail. */
static struct {
    unsigned syncs; /* to fail with EIO */
    unsigned cuts;
    unsigned writes; /* to write half of it, and then fail with ENOSPC */
} faults;

int fdatasync(int fd)
{
    if (faults.syncs > 0) {
        faults.syncs--;
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fdatasync, fd);
}

int ftruncate(int fd, off_t size)
{
    if (faults.cuts > 0) {
        faults.cuts--;
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_ftruncate, fd, size);
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
    if (faults.writes > 0) {
        faults.writes--;
        (void)syscall(SYS_pwrite64, fd, bytes, size / 2, offset);
        errno = ENOSPC;
        return -1;
    }
    return (ssize_t)syscall(SYS_pwrite64, fd, bytes, size, offset);
}

static struct job_log *open_log(const struct disk_fixture *fixture, uint64_t cut_bytes)
{
    struct job_log *log;
    uint64_t cut = 1;
    assert_int_equal(job_log_open(fixture->path, &log, &cut, NULL), 0);
    assert_int_equal(cut, cut_bytes);
    return log;
}

/* The result object of a number: failures, long lines and cached answers among them. */
static void object_of(uint64_t number, struct buffer *out)
{
    buffer_clear(out);
    if (number % 17 == 3) {
        buffer_printf(out, "{\"object\":\"s/%08llu\",\"error\":{}}", (unsigned long long)number);
        return;
    }
    buffer_printf(out, "{\"object\":\"s/%08llu\",\"embedding\":[", (unsigned long long)number);
    for (uint64_t i = 0; i < number * 7 % 61; i++) {
        buffer_printf(out, "%s%llu", i > 0 ? "," : "", (unsigned long long)(number + i));
    }
    buffer_append_text(out, "]}");
}

static struct job_record_facts facts_of(uint64_t number)
{
    return (struct job_record_facts){
        .cached = number % 5 == 0, .bytes_read = number % 3, .pass = 1 + number / 1000};
}

static void append(struct job_log *log, uint64_t from, uint64_t to)
{
    struct buffer object = BUFFER_INIT;
    for (uint64_t number = from; number < to; number++) {
        struct job_record_facts facts = facts_of(number);
        object_of(number, &object);
        assert_int_equal(job_log_append(log, object.data, object.size, &facts), 0);
    }
    buffer_done(&object);
}

static void append_synced(struct job_log *log, uint64_t from, uint64_t to)
{
    append(log, from, to);
    assert_int_equal(job_log_sync(log, NULL), 0);
    assert_int_equal(job_log_pending(log), 0);
}

/* What readers must see of the numbers. */
static void wanted_text(uint64_t from, uint64_t to, struct buffer *out)
{
    struct buffer object = BUFFER_INIT;
    for (uint64_t number = from; number < to; number++) {
        object_of(number, &object);
        buffer_append(out, object.data, object.size);
        buffer_append_char(out, '\n');
    }
    buffer_done(&object);
}

/* Reads from the line on, in pieces of about `piece` bytes: just [from, to). */
static void holds(struct job_log *log, uint64_t from, uint64_t to, size_t piece)
{
    struct buffer got = BUFFER_INIT;
    struct buffer wanted = BUFFER_INIT;
    struct job_log_place place;
    assert_int_equal(job_log_find(log, from, &place, NULL), 0);
    assert_int_equal(place.line, from);
    for (;;) {
        uint64_t before = place.line;
        size_t size = got.size;
        assert_int_equal(job_log_read(log, &place, &got, piece, NULL), 0);
        if (place.line == before) {
            assert_int_equal(got.size, size);
            break;
        }
        assert_true(got.size > size && got.size < size + piece + 1000);
    }
    assert_int_equal(place.line, to);
    wanted_text(from, to, &wanted);
    assert_int_equal(got.size, wanted.size);
    assert_true(wanted.size == 0 || memcmp(got.data, wanted.data, wanted.size) == 0);
    buffer_done(&got);
    buffer_done(&wanted);
}

static void totals_are_of(struct job_log *log, uint64_t count)
{
    struct job_log_totals wanted = {.lines = count};
    struct job_log_totals got;
    for (uint64_t number = 0; number < count; number++) {
        struct job_record_facts facts = facts_of(number);
        wanted.failed += number % 17 == 3;
        wanted.cached += facts.cached;
        wanted.bytes_read += facts.bytes_read;
        wanted.pass = facts.pass;
    }
    job_log_totals(log, &got);
    assert_memory_equal(&got, &wanted, sizeof got);
}

static void last_is(struct job_log *log, uint64_t number)
{
    char *object;
    char wanted[32];
    struct job_record_facts facts;
    assert_int_equal(job_log_last(log, &object, &facts, NULL), 0);
    (void)snprintf(wanted, sizeof wanted, "s/%08llu", (unsigned long long)number);
    assert_string_equal(object, wanted);
    assert_int_equal(facts.cached, facts_of(number).cached);
    free(object);
}

static void an_empty_log_is_empty(void **state)
{
    struct job_log *log = open_log(*state, 0);
    char *object = (char *)1;
    struct job_record_facts facts;
    struct job_log_place place;
    assert_int_equal(job_log_last(log, &object, &facts, NULL), 0);
    assert_null(object);
    totals_are_of(log, 0);
    holds(log, 0, 0, 100);
    assert_int_equal(job_log_find(log, 1, &place, NULL), -ERANGE);
    assert_int_equal(job_log_sync(log, NULL), 0);
    job_log_close(log);
    job_log_close(NULL);
}

static void what_is_synced_reads_back_from_any_line_on(void **state)
{
    const struct disk_fixture *fixture = *state;
    struct job_log *log = open_log(fixture, 0);
    append_synced(log, 0, 1);
    append_synced(log, 1, 700);
    append_synced(log, 700, 5000);
    for (int pass = 0; pass < 2; pass++) {
        totals_are_of(log, 5000);
        last_is(log, 4999);
        holds(log, 0, 5000, 100000);
        holds(log, 4990, 5000, 1);
        for (uint64_t from = 0; from <= 5000; from += 333) {
            holds(log, from, 5000, 30000);
        }
        holds(log, 1023, 5000, 70000);
        holds(log, 1024, 5000, 70000);
        holds(log, 1025, 5000, 70000);
        holds(log, 5000, 5000, 70000);
        struct job_log_place place;
        assert_int_equal(job_log_find(log, 5001, &place, NULL), -ERANGE);
        job_log_close(log);
        log = open_log(fixture, 0);
    }
    append_synced(log, 5000, 5100);
    totals_are_of(log, 5100);
    holds(log, 4000, 5100, 30000);
    job_log_close(log);
}

static void nothing_is_seen_before_it_is_synced(void **state)
{
    const struct disk_fixture *fixture = *state;
    struct job_log *log = open_log(fixture, 0);
    append_synced(log, 0, 10);
    append(log, 10, 2000);
    assert_true(job_log_pending(log) > 1000);
    struct job_log_place place;
    assert_int_equal(job_log_find(log, 11, &place, NULL), -ERANGE);
    totals_are_of(log, 10);
    holds(log, 0, 10, 100);
    last_is(log, 1999);
    holds(log, 3, 10, 100);
    job_log_close(log);

    log = open_log(fixture, 0); /* what was not synced was dropped */
    totals_are_of(log, 10);
    last_is(log, 9);
    job_log_close(log);
}

static void a_torn_end_is_cut_at_any_byte(void **state)
{
    const struct disk_fixture *fixture = *state;
    struct job_log *log = open_log(fixture, 0);
    append_synced(log, 0, 5);
    size_t whole = disk_size(fixture->path);
    append_synced(log, 5, 6);
    job_log_close(log);
    size_t size;
    char *bytes = disk_read(fixture->path, &size);
    for (size_t cut = whole; cut < size; cut++) {
        disk_write(fixture->path, bytes, cut);
        log = open_log(fixture, cut - whole);
        assert_int_equal(disk_size(fixture->path), whole);
        totals_are_of(log, 5);
        last_is(log, 4);
        append_synced(log, 5, 8);
        holds(log, 0, 8, 100);
        job_log_close(log);
    }
    free(bytes);
}

static void a_line_that_went_bad_ends_the_log_there(void **state)
{
    const struct disk_fixture *fixture = *state;
    struct job_log *log = open_log(fixture, 0);
    append_synced(log, 0, 3000);
    struct job_log_place place;
    assert_int_equal(job_log_find(log, 2000, &place, NULL), 0);
    size_t size;
    char *bytes = disk_read(fixture->path, &size);
    bytes[place.offset + 20] ^= 4;
    disk_write(fixture->path, bytes, size);

    /* A log that is open tells of it ... */
    struct buffer out = BUFFER_INIT;
    struct error error = {0};
    assert_int_equal(job_log_find(log, 1999, &place, NULL), 0);
    assert_int_equal(job_log_read(log, &place, &out, 10000, &error), error_code_errno(ERROR_IO));
    assert_int_equal(error.code, ERROR_IO);
    assert_non_null(strstr(error.message, "line 2001 "));
    assert_int_equal(place.line, 2000);
    buffer_done(&out);
    job_log_close(log);

    /* ... and is cut there when it is opened the next time. */
    log = open_log(fixture, size - place.offset);
    totals_are_of(log, 2000);
    holds(log, 1000, 2000, 5000);
    job_log_close(log);
    free(bytes);
}

static void garbage_is_cut(void **state)
{
    const struct disk_fixture *fixture = *state;
    static char garbage[300000];
    memset(garbage, 0, sizeof garbage);
    disk_write(fixture->path, garbage, sizeof garbage);
    job_log_close(open_log(fixture, sizeof garbage));
    memset(garbage, '\n', sizeof garbage);
    disk_write(fixture->path, garbage, sizeof garbage);
    struct job_log *log = open_log(fixture, sizeof garbage);
    append_synced(log, 0, 3);
    holds(log, 0, 3, 10);
    job_log_close(log);
}

static void what_is_no_regular_file_is_refused(void **state)
{
    const struct disk_fixture *fixture = *state;
    struct job_log *log;
    struct error error;
    assert_int_equal(mkfifo(fixture->path, 0600), 0);
    assert_int_equal(job_log_open(fixture->path, &log, NULL, &error), error_code_errno(ERROR_IO));
    assert_int_equal(job_log_open("/tmp/situ-jobs-there-is-none/x", &log, NULL, &error),
                     error_code_errno(ERROR_IO));
}

static void a_sync_that_fails_loses_nothing_and_writes_nothing_twice(void **state)
{
    const struct disk_fixture *fixture = *state;
    struct job_log *log = open_log(fixture, 0);
    append_synced(log, 0, 100);
    size_t synced = disk_size(fixture->path);
    for (size_t room = 0; room < 3000; room += 500) {
        struct error error = {0};
        append(log, 100 + room / 10, 150 + room / 10);
        disk_limit(synced + room + 1);
        assert_true(job_log_sync(log, &error) < 0);
        disk_limit(0);
        assert_int_equal(error.code, ERROR_IO);
        assert_int_equal(disk_size(fixture->path), synced); /* what was written of it is cut back */
        assert_true(job_log_pending(log) > room);
        totals_are_of(log, 100);
        holds(log, 0, 100, 1000);
        last_is(log, 149 + room / 10);
    }
    /* A crash would find only what was synced. */
    struct job_log *other = open_log(fixture, 0);
    totals_are_of(other, 100);
    job_log_close(other);

    assert_int_equal(job_log_sync(log, NULL), 0);
    totals_are_of(log, 400);
    holds(log, 0, 400, 1000);
    append_synced(log, 400, 3000);
    job_log_close(log);
    log = open_log(fixture, 0);
    totals_are_of(log, 3000);
    holds(log, 0, 3000, 1000);
    job_log_close(log);
}

static void sync_fails(struct job_log *log, enum error_code code)
{
    struct error error = {0};
    assert_int_equal(job_log_sync(log, &error), error_code_errno(code));
    assert_int_equal(error.code, code);
}

static void what_the_kernel_could_not_write_is_written_again(void **state)
{
    const struct disk_fixture *fixture = *state;
    struct job_log *log = open_log(fixture, 0);
    append_synced(log, 0, 10);
    size_t synced = disk_size(fixture->path);
    append(log, 10, 20);
    faults.syncs = 1;
    sync_fails(log, ERROR_IO);
    assert_int_equal(faults.syncs, 0);
    assert_int_equal(disk_size(fixture->path), synced);

    /* What cannot be cut back at once is so before anything is written. */
    append(log, 20, 30);
    faults.writes = 1;
    faults.cuts = 1;
    sync_fails(log, ERROR_NO_SPACE);
    assert_true(disk_size(fixture->path) > synced);
    holds(log, 0, 10, 100);
    faults.cuts = 2;
    sync_fails(log, ERROR_IO);
    assert_int_equal(faults.cuts, 0);
    totals_are_of(log, 10);
    holds(log, 0, 10, 100);

    assert_int_equal(job_log_sync(log, NULL), 0);
    append_synced(log, 30, 40);
    totals_are_of(log, 40);
    holds(log, 0, 40, 100);
    job_log_close(log);
    log = open_log(fixture, 0);
    holds(log, 0, 40, 100);
    job_log_close(log);
}

static void a_log_whose_end_cannot_be_cut_or_synced_is_not_opened(void **state)
{
    const struct disk_fixture *fixture = *state;
    struct job_log *log = open_log(fixture, 0);
    append_synced(log, 0, 10);
    job_log_close(log);
    /* What was written and not synced, by whoever was killed, must not be shown as synced. */
    faults.syncs = 1;
    assert_int_equal(job_log_open(fixture->path, &log, NULL, NULL), error_code_errno(ERROR_IO));
    assert_int_equal(faults.syncs, 0);
    size_t size;
    char *bytes = disk_read(fixture->path, &size);
    disk_write(fixture->path, bytes, size - 1);
    free(bytes);
    faults.cuts = 1;
    assert_int_equal(job_log_open(fixture->path, &log, NULL, NULL), error_code_errno(ERROR_IO));
    assert_int_equal(disk_size(fixture->path), size - 1);
}

static void lines_may_be_long(void **state)
{
    const struct disk_fixture *fixture = *state;
    static const size_t sizes[] = {45000, 65536, 1 << 20, 100, 3 << 20, 262144, 262143};
    enum { COUNT = sizeof sizes / sizeof sizes[0] };
    struct job_log *log = open_log(fixture, 0);
    struct buffer wanted = BUFFER_INIT;
    struct job_record_facts facts = {0};
    for (size_t i = 0; i < COUNT; i++) {
        struct buffer object = BUFFER_INIT;
        buffer_printf(&object, "{\"object\":\"s/%08zu\",\"x\":\"", i);
        char *room = buffer_reserve(&object, sizes[i]);
        assert_non_null(room);
        memset(room, 'a' + (int)i, sizes[i]);
        object.size += sizes[i];
        buffer_append_text(&object, "\"}");
        assert_int_equal(job_log_append(log, object.data, object.size, &facts), 0);
        buffer_append(&wanted, object.data, object.size);
        buffer_append_char(&wanted, '\n');
        buffer_done(&object);
    }
    assert_int_equal(job_log_sync(log, NULL), 0);
    for (int pass = 0; pass < 2; pass++) {
        struct buffer got = BUFFER_INIT;
        struct job_log_place place = {0};
        assert_int_equal(job_log_read(log, &place, &got, SIZE_MAX / 2, NULL), 0);
        assert_int_equal(got.size, wanted.size);
        assert_memory_equal(got.data, wanted.data, got.size);
        for (uint64_t line = 0; line < COUNT; line++) {
            buffer_clear(&got);
            assert_int_equal(job_log_find(log, line, &place, NULL), 0);
            assert_int_equal(job_log_read(log, &place, &got, 1, NULL), 0);
            assert_int_equal(place.line, line + 1);
            assert_int_equal(got.size, sizes[line] + 31);
            assert_int_equal(got.data[30], 'a' + (int)line);
        }
        buffer_done(&got);
        job_log_close(log);
        log = open_log(fixture, 0);
    }
    job_log_close(log);
    buffer_done(&wanted);
}

static void what_is_no_line_is_refused_and_changes_nothing(void **state)
{
    struct job_log *log = open_log(*state, 0);
    struct job_record_facts facts = {0};
    append(log, 0, 1);
    size_t pending = job_log_pending(log);
    assert_int_equal(job_log_append(log, "", 0, &facts), -EINVAL);
    assert_int_equal(job_log_append(log, "{", 1, &facts), -EINVAL);
    assert_int_equal(job_log_append(log, "{\"a\":1", 6, &facts), -EINVAL);
    assert_int_equal(job_log_append(log, "{\"a\":\n1}", 8, &facts), -EINVAL);
    char *big = malloc(JOB_LOG_LINE_BYTES);
    assert_non_null(big);
    memset(big, ' ', JOB_LOG_LINE_BYTES);
    big[0] = '{';
    big[JOB_LOG_LINE_BYTES - 1] = '}';
    assert_int_equal(job_log_append(log, big, JOB_LOG_LINE_BYTES, &facts), -EMSGSIZE);
    free(big);
    assert_int_equal(job_log_pending(log), pending);
    append_synced(log, 1, 3);
    holds(log, 0, 3, 100);
    job_log_close(log);
}

static int count_until(void *context, const char *line, size_t size,
                       const struct job_record_facts *facts)
{
    uint64_t *count = context;
    char *object;
    char wanted[32];
    (void)snprintf(wanted, sizeof wanted, "s/%08llu", (unsigned long long)*count);
    assert_int_equal(job_record_object(line, size, facts, &object), 0);
    assert_string_equal(object, wanted);
    assert_int_equal(facts->pass, facts_of(*count).pass);
    free(object);
    ++*count;
    return *count == 2500 ? -ECANCELED : 0;
}

static void each_visits_records_in_order_until_it_is_told_to_end(void **state)
{
    struct job_log *log = open_log(*state, 0);
    append_synced(log, 0, 2400);
    append(log, 2400, 2410);
    struct job_log_place place = {0};
    uint64_t count = 1500;
    assert_int_equal(job_log_find(log, count, &place, NULL), 0);
    assert_int_equal(job_log_each(log, &place, count_until, &count, NULL), 0);
    assert_int_equal(count, 2400);
    assert_int_equal(place.line, 2400);
    append_synced(log, 2410, 3000);
    assert_int_equal(job_log_each(log, &place, count_until, &count, NULL), -ECANCELED);
    assert_int_equal(count, 2500);
    assert_int_equal(place.line, 2499); /* the visit that failed was for nothing */
    job_log_close(log);
}

/* ---- readers beside the writer ---- */

struct race {
    struct job_log *log;
    atomic_bool done;
};

static void *read_along(void *context)
{
    struct race *race = context;
    struct job_log_place place = {0};
    struct buffer out = BUFFER_INIT;
    struct buffer wanted = BUFFER_INIT;
    for (bool last = false; !last;) {
        struct job_log_totals totals;
        struct job_log_place found;
        uint64_t from = place.line;
        last = atomic_load(&race->done);
        buffer_clear(&out);
        buffer_clear(&wanted);
        assert_int_equal(job_log_read(race->log, &place, &out, 20000, NULL), 0);
        wanted_text(from, place.line, &wanted);
        assert_int_equal(out.size, wanted.size);
        assert_true(wanted.size == 0 || memcmp(out.data, wanted.data, wanted.size) == 0);
        job_log_totals(race->log, &totals);
        assert_true(totals.lines >= place.line);
        assert_int_equal(job_log_find(race->log, totals.lines / 2, &found, NULL), 0);
        last = last && place.line == totals.lines;
    }
    uint64_t *lines = malloc(sizeof *lines);
    *lines = place.line;
    buffer_done(&out);
    buffer_done(&wanted);
    return lines;
}

static void readers_run_beside_the_writer(void **state)
{
    enum { READERS = 3, LINES = 20000 };
    struct race race = {.log = open_log(*state, 0)};
    pthread_t readers[READERS];
    atomic_init(&race.done, false);
    for (int i = 0; i < READERS; i++) {
        assert_int_equal(pthread_create(&readers[i], NULL, read_along, &race), 0);
    }
    for (uint64_t at = 0; at < LINES; at += 100) {
        append_synced(race.log, at, at + 100);
    }
    atomic_store(&race.done, true);
    for (int i = 0; i < READERS; i++) {
        void *lines;
        assert_int_equal(pthread_join(readers[i], &lines), 0);
        assert_int_equal(*(uint64_t *)lines, LINES);
        free(lines);
    }
    job_log_close(race.log);
}

/* ---- how long it takes ---- */

static double cpu_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { OPENING_MAX_S = 60 };
#else
enum { OPENING_MAX_S = 5 }; /* on slow machines, too */
#endif

static void a_million_lines_open_well_within_a_second(void **state)
{
    const struct disk_fixture *fixture = *state;
    enum { LINES = 1000000 };
    struct job_log *log = open_log(fixture, 0);
    struct job_record_facts facts = {.bytes_read = 3001};
    for (unsigned i = 0; i < LINES; i++) {
        char object[160];
        int size = snprintf(object, sizeof object,
                            "{\"object\":\"photos/%08u.jpg\",\"classes\":[{\"index\":%u,"
                            "\"score\":0.531200}]}",
                            i, i % 1000);
        assert_int_equal(job_log_append(log, object, (size_t)size, &facts), 0);
        if (i % 20000 == 19999) {
            assert_int_equal(job_log_sync(log, NULL), 0);
        }
    }
    job_log_close(log);
    double begun = cpu_s();
    log = open_log(fixture, 0);
    double opened = cpu_s();
    struct job_log_place place;
    assert_int_equal(job_log_find(log, LINES - 1, &place, NULL), 0);
    double found = cpu_s();
    struct buffer out = BUFFER_INIT;
    place = (struct job_log_place){0};
    while (place.line < LINES) {
        buffer_clear(&out);
        assert_int_equal(job_log_read(log, &place, &out, 65536, NULL), 0);
    }
    buffer_done(&out);
    print_message(
        "# %.1f MB: opened in %.3f s of CPU, a line found in %.6f s, all read in %.3f s\n",
        (double)disk_size(fixture->path) / 1e6, opened - begun, found - opened, cpu_s() - found);
    assert_true(opened - begun < OPENING_MAX_S);
    job_log_close(log);
}

#define LOG_TEST(name) cmocka_unit_test_setup_teardown(name, disk_setup, disk_teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        LOG_TEST(an_empty_log_is_empty),
        LOG_TEST(what_is_synced_reads_back_from_any_line_on),
        LOG_TEST(nothing_is_seen_before_it_is_synced),
        LOG_TEST(a_torn_end_is_cut_at_any_byte),
        LOG_TEST(a_line_that_went_bad_ends_the_log_there),
        LOG_TEST(garbage_is_cut),
        LOG_TEST(what_is_no_regular_file_is_refused),
        LOG_TEST(a_sync_that_fails_loses_nothing_and_writes_nothing_twice),
        LOG_TEST(what_the_kernel_could_not_write_is_written_again),
        LOG_TEST(a_log_whose_end_cannot_be_cut_or_synced_is_not_opened),
        LOG_TEST(lines_may_be_long),
        LOG_TEST(what_is_no_line_is_refused_and_changes_nothing),
        LOG_TEST(each_visits_records_in_order_until_it_is_told_to_end),
        LOG_TEST(readers_run_beside_the_writer),
        LOG_TEST(a_million_lines_open_well_within_a_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
