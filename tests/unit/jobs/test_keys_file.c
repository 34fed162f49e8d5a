/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists of names: however the bytes arrive, the names are those of the lines; readers begin
 * anywhere; what is no list is refused.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/limits.h"
#include "disk_fixture.h"
#include "jobs/keys_file.h"

enum { NAME_BYTES = LIMIT_KEY_BYTES + LIMIT_STORE_NAME + 1 };

static void holds_names(const struct disk_fixture *fixture, uint64_t expected)
{
    uint64_t count;
    assert_int_equal(keys_file_count(fixture->path, NULL, &count, NULL), 0);
    assert_int_equal(count, expected);
}

/* Sends a list in pieces of `piece` bytes; the file afterwards, or NULL and the error. */
static char *sent(const struct disk_fixture *fixture, const char *bytes, size_t size, size_t piece,
                  struct error *error)
{
    struct keys_writer *writer;
    size_t written;
    int r = 0;
    (void)unlink(fixture->path);
    assert_int_equal(keys_writer_new(fixture->path, &writer, error), 0);
    for (size_t at = 0; at < size && r == 0; at += piece) {
        r = keys_writer_append(writer, bytes + at, piece < size - at ? piece : size - at, error);
    }
    if (r == 0) {
        r = keys_writer_finish(writer, error);
    } else {
        assert_true(keys_writer_append(writer, "a\n", 2, NULL) < 0);
        assert_true(keys_writer_finish(writer, NULL) < 0);
    }
    if (r == 0) {
        assert_int_equal(keys_writer_finish(writer, error), 0);
    }
    keys_writer_free(writer);
    if (r < 0) {
        return NULL;
    }
    char *text = disk_read(fixture->path, &written);
    uint64_t lines = 0;
    for (size_t i = 0; i < written; i++) {
        lines += text[i] == '\n';
    }
    holds_names(fixture, lines);
    return text;
}

static void becomes(const struct disk_fixture *fixture, const char *bytes, const char *wanted)
{
    for (size_t piece = 1; piece < 12; piece++) {
        char *got = sent(fixture, bytes, strlen(bytes), piece, NULL);
        assert_non_null(got);
        assert_string_equal(got, wanted);
        free(got);
    }
}

static void lines_become_names(void **state)
{
    becomes(*state, "", "");
    becomes(*state, "\n\r\n\n", "");
    becomes(*state, "a/b.jpg\nc d\n", "a/b.jpg\nc d\n");
    becomes(*state, "a\r\nb\r\n\r\nc", "a\nb\nc\n");
    becomes(*state, "a\rb\r\r\nc\r", "a\rb\r\nc\n");
    becomes(*state, " a \n\tb\n", " a \n\tb\n");
    becomes(*state, "caf\xe9\ncaf\xc3\xa9\n", "caf\xe9\ncaf\xc3\xa9\n");
}

/* With a NUL behind each name, all other bytes are of names. */
static void names_may_end_with_nul(void **state)
{
    const struct disk_fixture *fixture = *state;
    static const char list[] = "a\nb\0\0c\r\0\n\n\0caf\xe9\0last\n";
    static const char *const wanted[] = {"a\nb", "c\r", "\n\n", "caf\xe9", "last\n"};
    for (size_t piece = 1; piece < 12; piece++) {
        struct keys_writer *writer;
        struct keys_reader *reader;
        const char *name;
        (void)unlink(fixture->path);
        assert_int_equal(keys_writer_new(fixture->path, &writer, NULL), 0);
        keys_writer_end_with_nul(writer);
        for (size_t at = 0, size = sizeof list - 1; at < size; at += piece) {
            assert_int_equal(
                keys_writer_append(writer, list + at, piece < size - at ? piece : size - at, NULL),
                0);
        }
        assert_int_equal(keys_writer_finish(writer, NULL), 0);
        keys_writer_free(writer);
        holds_names(fixture, 5);
        for (size_t from = 0; from <= 5; from++) {
            assert_int_equal(keys_reader_new(fixture->path, from, &reader, NULL), 0);
            for (size_t i = from; i < 5; i++) {
                assert_int_equal(keys_reader_next(reader, &name, NULL), 1);
                assert_string_equal(name, wanted[i]);
            }
            assert_int_equal(keys_reader_next(reader, &name, NULL), 0);
            keys_reader_free(reader);
        }
    }
}

/* A line feed takes two bytes in the file, and counts as one. */
static void a_name_of_line_feeds_has_the_same_limit(void **state)
{
    const struct disk_fixture *fixture = *state;
    char list[NAME_BYTES + 2];
    memset(list, '\n', sizeof list);
    for (size_t size = NAME_BYTES; size <= NAME_BYTES + 2; size++) {
        struct keys_writer *writer;
        (void)unlink(fixture->path);
        assert_int_equal(keys_writer_new(fixture->path, &writer, NULL), 0);
        keys_writer_end_with_nul(writer);
        int r = keys_writer_append(writer, list, size, NULL);
        r = r < 0 ? r : keys_writer_finish(writer, NULL);
        assert_int_equal(r<0, size> NAME_BYTES);
        keys_writer_free(writer);
    }
}

static void names_have_a_limit_and_the_line_is_told(void **state)
{
    const struct disk_fixture *fixture = *state;
    static const char *const ends[] = {"", "\n", "\r\n"};
    static const size_t pieces[] = {1, 7, 100000};
    for (int i = 0; i < 9; i++) {
        struct error error = {0};
        struct buffer list = BUFFER_INIT;
        buffer_append_text(&list, "a\n\nb\n");
        for (size_t size = 0; size < NAME_BYTES; size++) {
            buffer_append_char(&list, 'x');
        }
        buffer_append_text(&list, ends[i % 3]);
        char *got = sent(fixture, list.data, list.size, pieces[i / 3], NULL);
        assert_non_null(got);
        assert_int_equal(strlen(got), 4 + NAME_BYTES + 1);
        free(got);

        list.size -= strlen(ends[i % 3]);
        buffer_append_char(&list, 'x');
        buffer_append_text(&list, ends[i % 3]);
        assert_null(sent(fixture, list.data, list.size, pieces[i / 3], &error));
        assert_int_equal(error.code, ERROR_MALFORMED);
        assert_non_null(strstr(error.message, "line 4 "));
        buffer_done(&list);
    }
    struct error error = {0};
    assert_null(sent(fixture, "a\nb\0c\0", 7, 3, &error));
    assert_int_equal(error.code, ERROR_MALFORMED);
    assert_non_null(strstr(error.message, "line 2 "));
}

static void a_disk_that_takes_no_more_is_told(void **state)
{
    const struct disk_fixture *fixture = *state;
    struct keys_writer *writer;
    struct error error = {0};
    char bytes[4000];
    memset(bytes, 'a', sizeof bytes);
    for (size_t at = 99; at < sizeof bytes; at += 100) {
        bytes[at] = '\n';
    }
    int r = keys_writer_new(fixture->path, &writer, NULL);
    disk_limit(100000);
    for (int i = 0; i < 100 && r == 0; i++) {
        r = keys_writer_append(writer, bytes, sizeof bytes, &error);
    }
    disk_limit(0);
    assert_true(r < 0);
    assert_int_equal(error.code, ERROR_IO);
    assert_true(keys_writer_finish(writer, NULL) < 0);
    keys_writer_free(writer);
    assert_true(keys_writer_new(fixture->path, &writer, NULL) < 0); /* it is there already */
}

static void name_of(uint64_t number, char name[64])
{
    (void)snprintf(name, 64, "photos/%06llu%.*s", (unsigned long long)number, (int)(number % 40),
                   "........................................");
}

static void write_names(const struct disk_fixture *fixture, uint64_t count)
{
    struct keys_writer *writer;
    assert_int_equal(keys_writer_new(fixture->path, &writer, NULL), 0);
    for (uint64_t i = 0; i < count; i++) {
        char name[64];
        name_of(i, name);
        assert_int_equal(keys_writer_append(writer, name, strlen(name), NULL), 0);
        assert_int_equal(keys_writer_append(writer, "\n", 1, NULL), 0);
    }
    assert_int_equal(keys_writer_finish(writer, NULL), 0);
    keys_writer_free(writer);
    holds_names(fixture, count);
}

static void readers_begin_anywhere(void **state)
{
    const struct disk_fixture *fixture = *state;
    enum { COUNT = 20000 }; /* several buffers of the reader */
    write_names(fixture, COUNT);
    static const uint64_t positions[] = {0,     1,         999,   1337,      5000,      12345,
                                         19000, COUNT - 1, COUNT, COUNT + 1, UINT64_MAX};
    for (size_t i = 0; i < sizeof positions / sizeof positions[0]; i++) {
        struct keys_reader *reader;
        const char *name;
        char wanted[64];
        uint64_t left = UINT64_MAX;
        bool last = false;
        uint64_t at = positions[i];
        assert_int_equal(keys_reader_new(fixture->path, at, &reader, NULL), 0);
        for (; at < COUNT; at++) {
            assert_int_equal(keys_reader_next(reader, &name, NULL), 1);
            name_of(at, wanted);
            assert_string_equal(name, wanted);
            last = keys_reader_is_last(reader, &left);
            assert_true(!last || left == COUNT - 1 - at);
        }
        assert_int_equal(keys_reader_next(reader, &name, NULL), 0);
        assert_int_equal(keys_reader_next(reader, &name, NULL), 0);
        assert_true(keys_reader_is_last(reader, &left));
        assert_int_equal(left, 0);
        keys_reader_free(reader);
    }
    keys_reader_free(NULL);
    keys_writer_free(NULL);
}

static void what_is_no_list_is_refused(void **state)
{
    const struct disk_fixture *fixture = *state;
    static char bytes[200000];
    static const struct {
        size_t size;
        char fill;
    } cases[] = {{5, 'a'}, {200000, 'a'}, {100, '\0'}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct keys_reader *reader;
        struct error error = {0};
        const char *name;
        memset(bytes, cases[i].fill, sizeof bytes);
        disk_write(fixture->path, bytes, cases[i].size);
        assert_int_equal(keys_reader_new(fixture->path, 0, &reader, NULL), 0);
        for (int again = 0; again < 3; again++) {
            assert_int_equal(keys_reader_next(reader, &name, &error), error_code_errno(ERROR_IO));
            assert_int_equal(error.code, ERROR_IO);
        }
        keys_reader_free(reader);
    }
    struct keys_reader *reader;
    assert_int_equal(keys_reader_new(fixture->root, 0, &reader, NULL), error_code_errno(ERROR_IO));
    assert_int_equal(keys_reader_new("/tmp/situ-jobs-no-such-file", 0, &reader, NULL),
                     error_code_errno(ERROR_IO));
}

/* Lists that situd makes itself hold what listings do. */
static void names_are_added_as_they_are(void **state)
{
    const struct disk_fixture *fixture = *state;
    static char longest[LIMIT_NAME_BYTES + LIMIT_STORE_NAME + 2];
    memset(longest, '\n', sizeof longest - 1);
    const char *const names[] = {"s/a.jpg", "\n", "s/a\nb\n\nn\n", "n\nn", "s/a\r", "\r", longest};
    const size_t count = sizeof names / sizeof names[0];
    struct keys_writer *writer;
    (void)unlink(fixture->path);
    assert_int_equal(keys_writer_new(fixture->path, &writer, NULL), 0);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(keys_writer_add(writer, names[i], NULL), 0);
    }
    assert_int_equal(keys_writer_append(writer, "last\n", 5, NULL), 0);
    assert_int_equal(keys_writer_finish(writer, NULL), 0);
    keys_writer_free(writer);
    holds_names(fixture, count + 1);
    for (size_t from = 0; from <= count; from++) {
        struct keys_reader *reader;
        const char *name = NULL;
        assert_int_equal(keys_reader_new(fixture->path, from, &reader, NULL), 0);
        for (size_t i = from; i < count; i++) {
            assert_int_equal(keys_reader_next(reader, &name, NULL), 1);
            assert_string_equal(name, names[i]);
        }
        assert_int_equal(keys_reader_next(reader, &name, NULL), 1);
        assert_string_equal(name, "last");
        assert_int_equal(keys_reader_next(reader, &name, NULL), 0);
        keys_reader_free(reader);
    }
    static char above[LIMIT_NAME_BYTES + LIMIT_STORE_NAME + 3];
    memset(above, 'a', sizeof above - 1);
    const char *const refused[] = {"", above};
    for (size_t i = 0; i < 2; i++) {
        (void)unlink(fixture->path);
        assert_int_equal(keys_writer_new(fixture->path, &writer, NULL), 0);
        assert_int_equal(keys_writer_add(writer, refused[i], NULL),
                         error_code_errno(ERROR_MALFORMED));
        assert_true(keys_writer_finish(writer, NULL) < 0);
        keys_writer_free(writer);
    }
}

/* A NUL that stands for nothing, behind one that does: however often it is asked for. */
static void a_line_that_is_no_name_stays_none(void **state)
{
    const struct disk_fixture *fixture = *state;
    struct keys_reader *reader;
    const char *name;
    static const char bytes[] = "a\0nb\0c\nd\n";
    disk_write(fixture->path, bytes, sizeof bytes - 1);
    assert_int_equal(keys_reader_new(fixture->path, 0, &reader, NULL), 0);
    for (int again = 0; again < 3; again++) {
        assert_int_equal(keys_reader_next(reader, &name, NULL), error_code_errno(ERROR_IO));
    }
    keys_reader_free(reader);
}

static double cpu_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void a_million_names_are_skipped_well_within_a_second(void **state)
{
    const struct disk_fixture *fixture = *state;
    struct keys_reader *reader;
    const char *name;
    char wanted[64];
    uint64_t count;
    write_names(fixture, 1000000);
    double begun = cpu_s();
    assert_int_equal(keys_reader_new(fixture->path, 999999, &reader, NULL), 0);
    double skipped = cpu_s();
    assert_int_equal(keys_file_count(fixture->path, NULL, &count, NULL), 0);
    double counted = cpu_s();
    assert_int_equal(count, 1000000);
    assert_int_equal(keys_reader_next(reader, &name, NULL), 1);
    name_of(999999, wanted);
    assert_string_equal(name, wanted);
    keys_reader_free(reader);
    print_message("# %.1f MB of names: skipped in %.3f s of CPU, counted in %.3f s\n",
                  (double)disk_size(fixture->path) / 1e6, skipped - begun, counted - skipped);
    assert_true(counted - begun < 5);

    atomic_bool stop;
    atomic_init(&stop, true);
    assert_int_equal(keys_file_count(fixture->path, &stop, &count, NULL), -ECANCELED);
}

#define KEYS_TEST(name) cmocka_unit_test_setup_teardown(name, disk_setup, disk_teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        KEYS_TEST(lines_become_names),
        KEYS_TEST(names_may_end_with_nul),
        KEYS_TEST(a_name_of_line_feeds_has_the_same_limit),
        KEYS_TEST(names_have_a_limit_and_the_line_is_told),
        KEYS_TEST(a_disk_that_takes_no_more_is_told),
        KEYS_TEST(readers_begin_anywhere),
        KEYS_TEST(what_is_no_list_is_refused),
        KEYS_TEST(names_are_added_as_they_are),
        KEYS_TEST(a_line_that_is_no_name_stays_none),
        KEYS_TEST(a_million_names_are_skipped_well_within_a_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
