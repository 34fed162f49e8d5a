/* SPDX-License-Identifier: Apache-2.0
 *
 * A log whose first lines were given up: cursors and totals count on, what is left reads as before,
 * what is not is refused by name, and a crash at any step loses neither lines nor disk space.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/seal.h"
#include "disk_fixture.h"
#include "jobs/job_log.h"
#include "jobs/released.h"

enum { COUNT = 5000 };

/* In place of the C library's: what giving blocks back comes to. */
static struct {
    int errnum; /* it fails so */
    bool crash; /* it is not done any more */
} fault;

int fallocate(int fd, int mode, off_t offset, off_t size)
{
    if (fault.errnum != 0) {
        errno = fault.errnum;
        return -1;
    }
    return fault.crash ? 0 : (int)syscall(SYS_fallocate, fd, mode, offset, size);
}

static int setup(void **state)
{
    fault.errnum = 0;
    fault.crash = false;
    return disk_setup(state);
}

static struct job_log *open_log(const struct disk_fixture *fixture)
{
    struct job_log *log = NULL;
    struct error error = {.message = ""};
    uint64_t cut = 1;
    int r = job_log_open(fixture->path, &log, &cut, &error);
    assert_string_equal(error.message, "");
    assert_int_equal(r, 0);
    assert_int_equal(cut, 0);
    return log;
}

static void append(struct job_log *log, uint64_t from, uint64_t to)
{
    char object[96];
    for (uint64_t i = from; i < to; i++) {
        struct job_record_facts facts = {
            .cached = i % 5 == 0, .bytes_read = i % 3, .pass = 1 + i / 1000};
        int size = snprintf(object, sizeof object, "{\"object\":\"s/%08llu\",\"%s\":{}}",
                            (unsigned long long)i, i % 7 == 0 ? "error" : "y");
        assert_int_equal(job_log_append(log, object, (size_t)size, &facts), 0);
    }
    assert_int_equal(job_log_sync(log, NULL), 0);
}

/* Cursors and totals are as if nothing had been given up, and so is every line that is there. */
static void check(struct job_log *log, uint64_t dropped, uint64_t count)
{
    struct job_log_totals totals;
    struct job_log_place place;
    struct job_record_facts facts;
    char *last = NULL;
    char name[16];
    uint64_t sums[3] = {0};
    for (uint64_t i = 0; i < count; i++) {
        sums[0] += i % 7 == 0;
        sums[1] += i % 5 == 0;
        sums[2] += i % 3;
    }
    job_log_totals(log, &totals);
    assert_int_equal(totals.lines, count);
    assert_int_equal(totals.failed, sums[0]);
    assert_int_equal(totals.cached, sums[1]);
    assert_int_equal(totals.bytes_read, sums[2]);
    assert_int_equal(totals.pass, 1 + (count - 1) / 1000);
    assert_int_equal(job_log_dropped(log), dropped);
    assert_int_equal(job_log_last(log, &last, &facts, NULL), 0);
    (void)snprintf(name, sizeof name, "s/%08llu", (unsigned long long)(count - 1));
    assert_string_equal(last, name);
    free(last);
    for (uint64_t line = dropped; line <= count; line += line + 97 < count ? 97 : 1) {
        struct buffer out = BUFFER_INIT;
        assert_int_equal(job_log_find(log, line, &place, NULL), 0);
        assert_int_equal(job_log_read(log, &place, &out, 1, NULL), 0);
        (void)snprintf(name, sizeof name, "s/%08llu", (unsigned long long)line);
        assert_true(line == count ? out.size == 0 : strstr(buffer_text(&out), name) != NULL);
        buffer_done(&out);
    }
    for (uint64_t line = 0; line < dropped; line += 1 + dropped / 9) {
        struct error error = {.code = ERROR_NONE};
        assert_int_equal(job_log_find(log, line, &place, &error), -ENOENT);
        assert_int_equal(error.code, ERROR_NOT_FOUND);
        assert_non_null(strstr(error.message, "released"));
    }
}

static uint64_t disk_blocks(const struct disk_fixture *fixture)
{
    struct stat status;
    assert_int_equal(stat(fixture->path, &status), 0);
    return (uint64_t)status.st_blocks;
}

static void what_is_given_up_is_counted_on_and_its_space_is_free(void **state)
{
    const struct disk_fixture *fixture = *state;
    struct job_log *log = open_log(fixture);
    append(log, 0, COUNT);
    uint64_t blocks = disk_blocks(fixture);
    size_t size = disk_size(fixture->path);
    assert_int_equal(job_log_drop(log, 0, NULL), 0);
    assert_int_equal(job_log_drop(log, 10, NULL), 0); /* less than a block */
    check(log, 0, COUNT);
    assert_int_equal(job_log_drop(log, 4000, NULL), 0);
    check(log, 4000, COUNT);
    assert_true(disk_blocks(fixture) < blocks / 3);
    assert_int_equal(disk_size(fixture->path), size);
    assert_int_equal(job_log_drop(log, 3000, NULL), 0); /* gone already */
    check(log, 4000, COUNT);
    append(log, COUNT, COUNT + 2000);
    check(log, 4000, COUNT + 2000);
    job_log_close(log);
    log = open_log(fixture);
    check(log, 4000, COUNT + 2000);
    assert_int_equal(job_log_drop(log, 6500, NULL), 0);
    check(log, 6500, COUNT + 2000);
    append(log, COUNT + 2000, COUNT + 2100);
    job_log_close(log);
    log = open_log(fixture);
    check(log, 6500, COUNT + 2100);
    job_log_close(log);
}

static void the_last_line_stays(void **state)
{
    const struct disk_fixture *fixture = *state;
    struct job_log *log = open_log(fixture);
    assert_int_equal(job_log_drop(log, 7, NULL), 0); /* of nothing */
    append(log, 0, COUNT);
    assert_int_equal(job_log_drop(log, UINT64_MAX, NULL), 0);
    check(log, COUNT - 1, COUNT);
    job_log_close(log);
    log = open_log(fixture);
    check(log, COUNT - 1, COUNT);
    append(log, COUNT, COUNT + 10);
    check(log, COUNT - 1, COUNT + 10);
    job_log_close(log);
}

static void a_crash_between_the_two_steps_loses_nothing(void **state)
{
    const struct disk_fixture *fixture = *state;
    struct job_log *log = open_log(fixture);
    append(log, 0, COUNT);
    uint64_t blocks = disk_blocks(fixture);
    fault.crash = true; /* it is written down, and then the process is gone */
    assert_int_equal(job_log_drop(log, 4000, NULL), 0);
    assert_int_equal(disk_blocks(fixture), blocks);
    job_log_close(log);
    fault.crash = false;
    log = open_log(fixture);
    check(log, 4000, COUNT);
    assert_true(disk_blocks(fixture) < blocks / 3); /* made up for */
    job_log_close(log);
}

static void a_crash_before_it_is_written_down_leaves_all_there(void **state)
{
    const struct disk_fixture *fixture = *state;
    char path[160];
    struct job_log *log = open_log(fixture);
    append(log, 0, COUNT);
    (void)snprintf(path, sizeof path, "%s/released.new", fixture->root);
    disk_write(path, "{\"format\":1,\"lines\":40", 22); /* torn */
    job_log_close(log);
    log = open_log(fixture);
    check(log, 0, COUNT);
    assert_int_equal(job_log_drop(log, 4000, NULL), 0);
    check(log, 4000, COUNT);
    job_log_close(log);
}

static void a_file_system_without_holes_gives_nothing_back_and_is_no_error(void **state)
{
    const struct disk_fixture *fixture = *state;
    struct error error = {.code = ERROR_NONE};
    struct job_log *log = open_log(fixture);
    append(log, 0, COUNT);
    uint64_t blocks = disk_blocks(fixture);
    fault.errnum = EOPNOTSUPP;
    assert_int_equal(job_log_drop(log, 4000, NULL), 0);
    check(log, 4000, COUNT);
    assert_int_equal(disk_blocks(fixture), blocks);
    job_log_close(log);
    log = open_log(fixture);
    fault.errnum = EIO;
    assert_true(job_log_drop(log, 4500, &error) < 0);
    assert_int_equal(error.code, ERROR_IO);
    fault.errnum = 0;
    check(log, 4500, COUNT);
    job_log_close(log);
}

static void a_disk_that_is_full_keeps_the_lines(void **state)
{
    const struct disk_fixture *fixture = *state;
    struct job_log *log = open_log(fixture);
    append(log, 0, COUNT);
    disk_limit(10);
    assert_true(job_log_drop(log, 4000, NULL) < 0);
    disk_limit(0);
    check(log, 0, COUNT);
    assert_int_equal(job_log_drop(log, 4000, NULL), 0);
    check(log, 4000, COUNT);
    job_log_close(log);
}

static void a_reader_in_the_middle_is_told(void **state)
{
    const struct disk_fixture *fixture = *state;
    struct job_log_place place = {0};
    struct buffer out = BUFFER_INIT;
    struct error error = {.code = ERROR_NONE};
    struct job_log *log = open_log(fixture);
    append(log, 0, COUNT);
    assert_int_equal(job_log_read(log, &place, &out, 1000, NULL), 0);
    assert_true(place.line > 0 && place.line < 4000);
    assert_int_equal(job_log_drop(log, 4000, NULL), 0);
    assert_int_equal(job_log_read(log, &place, &out, 1000, &error), -ENOENT);
    assert_int_equal(error.code, ERROR_NOT_FOUND);
    buffer_done(&out);
    job_log_close(log);
}

static void what_stands_behind_and_went_bad_is_cut(void **state)
{
    const struct disk_fixture *fixture = *state;
    struct job_log_totals totals;
    struct job_record_facts facts;
    char *last = fixture->root[0] ? strdup("x") : NULL;
    struct job_log *log = open_log(fixture);
    append(log, 0, COUNT);
    assert_int_equal(job_log_drop(log, UINT64_MAX, NULL), 0);
    job_log_close(log);
    assert_int_equal(truncate(fixture->path, (off_t)disk_size(fixture->path) - 3), 0);
    assert_int_equal(job_log_open(fixture->path, &log, NULL, NULL), 0);
    job_log_totals(log, &totals);
    assert_int_equal(totals.lines, COUNT - 1);
    free(last);
    assert_int_equal(job_log_last(log, &last, &facts, NULL), 0);
    assert_null(last);
    append(log, COUNT - 1, COUNT);
    check(log, COUNT - 1, COUNT);
    job_log_close(log);
}

static void a_log_that_does_not_fit_is_not_opened(void **state)
{
    const struct disk_fixture *fixture = *state;
    struct error error = {.code = ERROR_NONE};
    char path[160];
    static const char *const bad[] = {
        "",
        "{",
        "[]",
        "{\"format\":1}",
        "{\"format\":2,\"lines\":0,\"offset\":0,\"failed\":0,"
        "\"cached\":0,\"bytes_read\":0,\"pass\":0}",
        "{\"format\":1,\"lines\":-1,\"offset\":0,\"failed\":0,\"cached\":0,\"bytes_read\":0,"
        "\"pass\":0}",
        "{\"format\":1,\"lines\":9,\"offset\":8,\"failed\":0,\"cached\":0,\"bytes_read\":0,"
        "\"pass\":0}",
        "{\"format\":1,\"lines\":9,\"offset\":9000000,\"failed\":0,\"cached\":0,\"bytes_read\":0,"
        "\"pass\":0}",
    };
    struct job_log *log = open_log(fixture);
    append(log, 0, COUNT);
    job_log_close(log);
    size_t size = disk_size(fixture->path);
    (void)snprintf(path, sizeof path, "%s/released", fixture->root);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        disk_write(path, bad[i], strlen(bad[i]));
        assert_true(job_log_open(fixture->path, &log, NULL, &error) < 0);
        assert_int_equal(error.code, ERROR_IO);
        assert_int_equal(disk_size(fixture->path), size); /* nothing is cut */
    }
    assert_int_equal(unlink(path), 0);
    log = open_log(fixture);
    check(log, 0, COUNT);
    job_log_close(log);
}

static void each_flipped_bit_of_what_is_left_is_seen(void **state)
{
    const struct disk_fixture *fixture = *state;
    struct job_log *log = open_log(fixture);
    char path[160];
    size_t size = 0;
    append(log, 0, COUNT);
    assert_int_equal(job_log_drop(log, 4000, NULL), 0);
    job_log_close(log);
    (void)snprintf(path, sizeof path, "%s/released", fixture->root);
    char *bytes = disk_read(path, &size);
    for (size_t i = 0; i < size; i++) {
        struct error error = {.code = ERROR_NONE};
        bytes[i] ^= 4;
        disk_write(path, bytes, size);
        bytes[i] ^= 4;
        assert_true(job_log_open(fixture->path, &log, NULL, &error) < 0);
        assert_int_equal(error.code, ERROR_IO);
        assert_non_null(strstr(error.message, "'released' is damaged"));
    }
    disk_write(path, bytes, size - SEAL_SIZE); /* as an earlier version wrote it */
    log = open_log(fixture);
    check(log, 4000, COUNT);
    job_log_close(log);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_given_up_is_counted_on_and_its_space_is_free, setup,
                                        disk_teardown),
        cmocka_unit_test_setup_teardown(the_last_line_stays, setup, disk_teardown),
        cmocka_unit_test_setup_teardown(a_crash_between_the_two_steps_loses_nothing, setup,
                                        disk_teardown),
        cmocka_unit_test_setup_teardown(a_crash_before_it_is_written_down_leaves_all_there, setup,
                                        disk_teardown),
        cmocka_unit_test_setup_teardown(
            a_file_system_without_holes_gives_nothing_back_and_is_no_error, setup, disk_teardown),
        cmocka_unit_test_setup_teardown(a_disk_that_is_full_keeps_the_lines, setup, disk_teardown),
        cmocka_unit_test_setup_teardown(a_reader_in_the_middle_is_told, setup, disk_teardown),
        cmocka_unit_test_setup_teardown(what_stands_behind_and_went_bad_is_cut, setup,
                                        disk_teardown),
        cmocka_unit_test_setup_teardown(a_log_that_does_not_fit_is_not_opened, setup,
                                        disk_teardown),
        cmocka_unit_test_setup_teardown(each_flipped_bit_of_what_is_left_is_seen, setup,
                                        disk_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
