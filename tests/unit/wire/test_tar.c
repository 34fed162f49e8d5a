/* SPDX-License-Identifier: Apache-2.0
 *
 * The tar reader and writer: each other's streams in pieces of every size, the formats of the tar
 * program, and what is refused.
 */
#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "wire/tar.h"

/* What arrived, in words: "d path\n" or "f path size content\n". */
struct heard {
    struct buffer text;
    int answer; /* of the next callback */
};

static int hear_begin(void *context, const struct tar_entry *entry, struct error *error)
{
    struct heard *heard = context;
    (void)error;
    if (entry->directory) {
        buffer_printf(&heard->text, "d %s\n", entry->path);
    } else {
        buffer_printf(&heard->text, "f %s %llu ", entry->path,
                      (unsigned long long)entry->size_bytes);
    }
    return heard->answer;
}

static int hear_data(void *context, const void *bytes, size_t size, struct error *error)
{
    struct heard *heard = context;
    (void)error;
    buffer_append(&heard->text, bytes, size);
    return 0;
}

static int hear_end(void *context, struct error *error)
{
    struct heard *heard = context;
    (void)error;
    buffer_append_char(&heard->text, '\n');
    return 0;
}

static const struct tar_receiver receiver = {hear_begin, hear_data, hear_end};

static int read_archive(const struct buffer *archive, size_t piece, struct heard *heard,
                        struct error *error)
{
    struct tar_reader reader;
    buffer_clear(&heard->text);
    tar_reader_init(&reader, &receiver, heard, 1 << 20, 64);
    for (size_t at = 0; at < archive->size; at += piece) {
        size_t left = archive->size - at;
        int r = tar_reader_feed(&reader, archive->data + at, left < piece ? left : piece, error);
        if (r < 0) {
            /* Once refused, always refused. */
            assert_true(tar_reader_feed(&reader, "", 0, NULL) < 0);
            assert_true(tar_reader_finish(&reader, NULL) < 0);
            return r;
        }
    }
    return tar_reader_finish(&reader, error);
}

static void write_file(struct buffer *archive, const char *path, const char *content)
{
    struct error error = {0};
    const struct tar_entry entry = {path, false, strlen(content)};
    assert_int_equal(tar_write_header(archive, &entry, &error), 0);
    buffer_append_text(archive, content);
    tar_write_padding(archive, strlen(content));
}

static void write_directory(struct buffer *archive, const char *path)
{
    struct error error = {0};
    const struct tar_entry entry = {path, true, 0};
    assert_int_equal(tar_write_header(archive, &entry, &error), 0);
}

static void long_path(char path[TAR_PATH_SIZE], size_t length, size_t component)
{
    for (size_t i = 0; i < length; i++) {
        path[i] = (i + 1) % (component + 1) == 0 ? '/' : 'p';
    }
    path[length] = '\0';
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    struct heard heard = {0};
    struct error error = {0};
    cleanup_buffer struct buffer archive = BUFFER_INIT;
    cleanup_buffer struct buffer expected = BUFFER_INIT;
    char paths[4][TAR_PATH_SIZE];
    long_path(paths[0], 100, 200);              /* the name field, full */
    long_path(paths[1], 254, 80);               /* prefix and name */
    long_path(paths[2], 200, 300);              /* no slash to split at */
    long_path(paths[3], TAR_PATH_SIZE - 1, 90); /* the longest */
    write_directory(&archive, "onnx");
    buffer_append_text(&expected, "d onnx\n");
    write_file(&archive, "config.json", "{}");
    buffer_append_text(&expected, "f config.json 2 {}\n");
    write_file(&archive, "empty", "");
    buffer_append_text(&expected, "f empty 0 \n");
    for (size_t i = 0; i < 4; i++) {
        write_file(&archive, paths[i], "abc");
        buffer_printf(&expected, "f %s 3 abc\n", paths[i]);
    }
    tar_write_end(&archive);
    assert_int_equal(archive.size % TAR_BLOCK, 0);
    static const size_t pieces[] = {1, 7, 511, 512, 513, 1 << 20};
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        assert_int_equal(read_archive(&archive, pieces[i], &heard, &error), 0);
        assert_string_equal(buffer_text(&heard.text), buffer_text(&expected));
    }
    buffer_done(&heard.text);
}

static void names_that_leave_the_package_are_not_names(void **state)
{
    (void)state;
    struct error error = {0};
    cleanup_buffer struct buffer archive = BUFFER_INIT;
    static const char *const bad[] = {"",     "/",  "/a", "..",  "../a", "a/..", "a/../b",
                                      "a//b", "a/", ".",  "./a", "a\nb", "a\x7f"};
    static const char *const good[] = {"a", "...", "a..b", ".a", "a b", "\xc3\xa4", "a/..b"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const struct tar_entry entry = {bad[i], false, 1};
        assert_false(tar_path_ok(bad[i]));
        assert_int_equal(tar_write_header(&archive, &entry, &error), -EINVAL);
    }
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(tar_path_ok(good[i]));
    }
    char path[TAR_PATH_SIZE + 1];
    memset(path, 'x', TAR_PATH_SIZE);
    path[TAR_PATH_SIZE] = '\0';
    assert_false(tar_path_ok(path));
    assert_int_equal(archive.size, 0);
}

/* Changes a header in place and makes its checksum right again. */
static void patch(struct buffer *archive, size_t block, size_t at, const char *bytes, size_t size)
{
    char *header = archive->data + block * TAR_BLOCK;
    memcpy(header + at, bytes, size);
    memset(header + 148, ' ', 8);
    unsigned sum = 0;
    for (size_t i = 0; i < TAR_BLOCK; i++) {
        sum += (unsigned char)header[i];
    }
    (void)snprintf(header + 148, 8, "%06o", sum);
}

static void make_archive(struct buffer *archive)
{
    buffer_clear(archive);
    write_file(archive, "file", "content");
    tar_write_end(archive);
}

static void headers_that_ask_for_more_than_files_are_refused(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        const char *bytes;
        size_t size;
        int errnum;
        const char *text;
    } cases[] = {
        {156, "1", 1, EINVAL, "neither a regular file"},
        {156, "2", 1, EINVAL, "neither a regular file"},
        {156, "3", 1, EINVAL, "neither a regular file"},
        {156, "6", 1, EINVAL, "neither a regular file"},
        {156, "S", 1, EINVAL, "neither a regular file"},
        {156, "5", 1, EINVAL, "has content"},
        {0, "/etc/passwd", 12, EINVAL, "does not stay inside"},
        {0, "../x", 5, EINVAL, "does not stay inside"},
        {0, "a/../../x", 10, EINVAL, "does not stay inside"},
        {0, "", 1, EINVAL, "does not stay inside"},
        {0, "a\tb", 4, EINVAL, "does not stay inside"},
        {345, "..", 3, EINVAL, "does not stay inside"},
        {124, "77777777777", 12, EFBIG, "above the limit"},
        {124, "0000000000x", 12, EINVAL, "size unknown"},
        {124, "\x80\0\0\0\0\0\0\0\0\0\0\1", 12, EINVAL, "size unknown"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct heard heard = {0};
        struct error error = {0};
        cleanup_buffer struct buffer archive = BUFFER_INIT;
        make_archive(&archive);
        patch(&archive, 0, cases[i].at, cases[i].bytes, cases[i].size);
        assert_int_equal(read_archive(&archive, 100, &heard, &error), -cases[i].errnum);
        if (!strstr(error.message, cases[i].text)) {
            fail_msg("case %zu: %s", i, error.message);
        }
        assert_int_equal(heard.text.size, 0);
        buffer_done(&heard.text);
    }
}

static void a_changed_byte_in_a_header_is_seen(void **state)
{
    (void)state;
    struct heard heard = {0};
    struct error error = {0};
    cleanup_buffer struct buffer archive = BUFFER_INIT;
    for (size_t at = 0; at < TAR_BLOCK; at += 13) {
        make_archive(&archive);
        archive.data[at] = (char)(archive.data[at] ^ 1);
        assert_int_equal(read_archive(&archive, 4096, &heard, &error), -EINVAL);
        assert_non_null(strstr(error.message, "checksum"));
    }
    buffer_done(&heard.text);
}

static void a_stream_cut_anywhere_is_not_complete(void **state)
{
    (void)state;
    struct heard heard = {0};
    struct error error = {0};
    cleanup_buffer struct buffer archive = BUFFER_INIT;
    make_archive(&archive);
    size_t whole = archive.size;
    for (size_t size = 0; size < whole; size += 61) {
        archive.size = size;
        assert_int_equal(read_archive(&archive, 4096, &heard, &error), -EINVAL);
        assert_non_null(strstr(error.message, "cut off"));
    }
    archive.size = whole;
    assert_int_equal(read_archive(&archive, 4096, &heard, &error), 0);
    buffer_append_text(&archive, "more");
    assert_int_equal(read_archive(&archive, 4096, &heard, &error), -EINVAL);
    buffer_done(&heard.text);
}

static void limits_are_kept(void **state)
{
    (void)state;
    struct heard heard = {0};
    struct error error = {0};
    struct tar_reader reader;
    cleanup_buffer struct buffer archive = BUFFER_INIT;
    for (int i = 0; i < 3; i++) {
        char name[8];
        (void)snprintf(name, sizeof name, "f%d", i);
        write_file(&archive, name, "12345");
    }
    tar_write_end(&archive);
    tar_reader_init(&reader, &receiver, &heard, 15, 3);
    assert_int_equal(tar_reader_feed(&reader, archive.data, archive.size, &error), 0);
    tar_reader_init(&reader, &receiver, &heard, 14, 3);
    assert_int_equal(tar_reader_feed(&reader, archive.data, archive.size, &error), -EFBIG);
    tar_reader_init(&reader, &receiver, &heard, 15, 2);
    assert_int_equal(tar_reader_feed(&reader, archive.data, archive.size, &error), -EFBIG);

    /* Headers that describe headers, without end. */
    make_archive(&archive);
    patch(&archive, 0, 156, "g", 1);
    tar_reader_init(&reader, &receiver, &heard, 15, 2);
    int r = 0;
    for (int i = 0; i < 100 && r == 0; i++) {
        r = tar_reader_feed(&reader, archive.data, (size_t)2 * TAR_BLOCK, &error);
    }
    assert_int_equal(r, -EFBIG);
    buffer_done(&heard.text);
}

static void the_receiver_can_refuse(void **state)
{
    (void)state;
    struct heard heard = {.answer = -ENOSPC};
    struct error error = {0};
    cleanup_buffer struct buffer archive = BUFFER_INIT;
    make_archive(&archive);
    assert_int_equal(read_archive(&archive, 4096, &heard, &error), -ENOSPC);
    buffer_done(&heard.text);
}

static void pax_headers_are_read_with_care(void **state)
{
    (void)state;
    static const struct {
        const char *records;
        const char *heard; /* NULL: refused */
    } cases[] = {
        {"12 path=new\n", "f new 7 content\n"},
        {"20 mtime=1700000000\n12 path=new\n", "f new 7 content\n"},
        {"10 size=7\n", "f file 7 content\n"},
        {"10 size=x\n", NULL},
        {"12 path=new", NULL},
        {"99 path=new\n", NULL},
        {"0 path=new\n", NULL},
        {"path=new\n", NULL},
        {"13 path=../x\n", NULL},
        {"26 GNU.sparse.map=1,2,3,4\n", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct heard heard = {0};
        struct error error = {0};
        cleanup_buffer struct buffer archive = BUFFER_INIT;
        write_file(&archive, "pax", cases[i].records);
        patch(&archive, 0, 156, "x", 1);
        write_file(&archive, "file", "content");
        tar_write_end(&archive);
        int r = read_archive(&archive, 4096, &heard, &error);
        if ((r == 0) != (cases[i].heard != NULL)) {
            fail_msg("case %zu: %d %s", i, r, error.message);
        }
        if (cases[i].heard) {
            assert_string_equal(buffer_text(&heard.text), cases[i].heard);
        }
        buffer_done(&heard.text);
    }
}

static void a_pax_record_ends_with_its_header(void **state)
{
    (void)state;
    struct heard heard = {0};
    struct error error = {0};
    cleanup_buffer struct buffer archive = BUFFER_INIT;
    /* The second record claims bytes that belong to the first one. */
    write_file(&archive, "pax", "40 comment=aaaaaaaaaaaaaaaaaaaaaaaaaaaa\n");
    patch(&archive, 0, 156, "x", 1);
    write_file(&archive, "pax", "40 path=new");
    patch(&archive, 2, 156, "x", 1);
    write_file(&archive, "file", "content");
    tar_write_end(&archive);
    assert_int_equal(read_archive(&archive, 4096, &heard, &error), -EINVAL);
    assert_non_null(strstr(error.message, "broken pax header"));
    buffer_done(&heard.text);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

/* Runs `cd DIRECTORY && COMMAND`; the commands are this file's own. */
static bool run(const char *directory, const char *command)
{
    char line[512];
    int length = snprintf(line, sizeof line, "cd %s && %s", directory, command);
    assert_in_range(length, 1, sizeof line - 1);
    /* NOLINTNEXTLINE(cert-env33-c,concurrency-mt-unsafe) */
    return system(line) == 0;
}

static void read_stream(const char *path, struct buffer *archive)
{
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    char chunk[4096];
    for (size_t got = fread(chunk, 1, sizeof chunk, file); got > 0;
         got = fread(chunk, 1, sizeof chunk, file)) {
        buffer_append(archive, chunk, got);
    }
    assert_int_equal(fclose(file), 0);
}

static void the_formats_of_the_tar_program_are_read(void **state)
{
    (void)state;
    static const char *const formats[] = {"gnu", "pax", "ustar", "v7"};
    char directory[] = "/tmp/situ-tar-XXXXXX";
    char path[256];
    struct heard heard = {0};
    struct error error = {0};
    assert_non_null(mkdtemp(directory));
    if (!run(directory, "tar --version >/dev/null 2>&1")) {
        assert_int_equal(nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
        print_message("skipped: there is no tar program\n");
        skip();
    }
    assert_true(run(directory, "mkdir -p in/onnx && printf abc >in/onnx/model.onnx"));
    /* A name of 120 bytes without a slash, which only gnu and pax can hold. */
    assert_true(run(directory, "printf xy >in/$(printf '%0120d' 7)"));
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        cleanup_buffer struct buffer archive = BUFFER_INIT;
        char command[128];
        assert_true(i != 2 || run(directory, "rm in/0*"));
        (void)snprintf(command, sizeof command, "tar --sort=name --format=%s -cf out.tar -C in .",
                       formats[i]);
        assert_true(run(directory, command));
        (void)snprintf(path, sizeof path, "%s/out.tar", directory);
        read_stream(path, &archive);
        if (read_archive(&archive, 777, &heard, &error) < 0) {
            fail_msg("%s: %s", formats[i], error.message);
        }
        const char *text = buffer_text(&heard.text);
        assert_non_null(strstr(text, "d onnx\nf onnx/model.onnx 3 abc\n"));
        assert_int_equal(strstr(text, "0007 2 xy\n") != NULL, i < 2);
    }
    assert_int_equal(nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
    buffer_done(&heard.text);
}

static void the_tar_program_reads_what_is_written(void **state)
{
    (void)state;
    char directory[] = "/tmp/situ-tar-XXXXXX";
    char path[256];
    cleanup_buffer struct buffer archive = BUFFER_INIT;
    char name[TAR_PATH_SIZE];
    assert_non_null(mkdtemp(directory));
    write_directory(&archive, "sub");
    write_file(&archive, "sub/model.onnx", "abc");
    long_path(name, 180, 200);
    write_file(&archive, name, "long");
    tar_write_end(&archive);
    (void)snprintf(path, sizeof path, "%s/in.tar", directory);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(archive.data, 1, archive.size, file), archive.size);
    assert_int_equal(fclose(file), 0);
    bool have_tar = run(directory, "tar --version >/dev/null 2>&1");
    bool same = have_tar && run(directory, "tar -xf in.tar 2>err && ! test -s err && "
                                           "test \"$(cat sub/model.onnx)\" = abc && "
                                           "test \"$(cat pppp*)\" = long");
    assert_int_equal(nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
    if (!have_tar) {
        print_message("skipped: there is no tar program\n");
        skip();
    }
    assert_true(same);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(names_that_leave_the_package_are_not_names),
        cmocka_unit_test(headers_that_ask_for_more_than_files_are_refused),
        cmocka_unit_test(a_changed_byte_in_a_header_is_seen),
        cmocka_unit_test(a_stream_cut_anywhere_is_not_complete),
        cmocka_unit_test(limits_are_kept),
        cmocka_unit_test(the_receiver_can_refuse),
        cmocka_unit_test(pax_headers_are_read_with_care),
        cmocka_unit_test(a_pax_record_ends_with_its_header),
        cmocka_unit_test(the_formats_of_the_tar_program_are_read),
        cmocka_unit_test(the_tar_program_reads_what_is_written),
    };
    return cmocka_run_group_tests_name("wire/tar", tests, NULL, NULL);
}
