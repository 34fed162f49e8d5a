/* SPDX-License-Identifier: Apache-2.0
 *
 * index.json: it reads back the same, damage by a person is reported, and the old file stays if the
 * new one cannot be written.
 */
#include <errno.h>
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

#include "base/seal.h"
#include "base/tree.h"
#include "base/whole_file.h"
#include "sample_file.h"

static char prefix[] = "2024/\"caf\xc3\xa9\"\n/";

static int setup(void **state)
{
    char *root = strdup("/tmp/situ-index-file-XXXXXX");
    *state = root;
    return root && mkdtemp(root) ? 0 : -1;
}

static int teardown(void **state)
{
    tree_remove(*state);
    free(*state);
    return 0;
}

static struct index_file full_file(void)
{
    struct index_file file = sample_file(prefix);
    file.spec.metric = INDEX_EUCLIDEAN;
    file.spec.interval_s = 86400;
    file.number = 3;
    file.last = 5;
    file.next_number = 5;
    return file;
}

static void reads_back(const char *root, const struct index_file *file)
{
    struct index_file got;
    assert_int_equal(index_file_write(root, file, NULL), 0);
    assert_int_equal(index_file_read(root, &got, NULL), 0);
    assert_string_equal(got.spec.name, file->spec.name);
    assert_string_equal(got.spec.model, file->spec.model);
    assert_string_equal(got.spec.version, file->spec.version);
    assert_string_equal(got.spec.digest, file->spec.digest);
    assert_true(selection_is_same(&got.spec.select, &file->spec.select));
    assert_int_equal(got.spec.metric, file->spec.metric);
    assert_int_equal(got.spec.interval_s, file->spec.interval_s);
    assert_int_equal(got.number, file->number);
    assert_int_equal(got.last, file->last);
    assert_int_equal(got.next_number, file->next_number);
    assert_string_equal(got.next_model, file->next_model);
    assert_string_equal(got.next_version, file->next_version);
    assert_string_equal(got.next_digest, file->next_digest);
    index_file_done(&got);
}

static void what_is_written_reads_back(void **state)
{
    struct index_file file = full_file();
    reads_back(*state, &file);
    char exclude[] = "*.tmp\nraw/\n";
    char defaults[] = "._*\n";
    file.spec.select.rules =
        (struct select_rules){.exclude = exclude, .defaults = defaults, .sniff = true};
    reads_back(*state, &file);
    file.spec.select.glob = NULL;
    file.spec.select.rules = (struct select_rules){.sniff = false};
    file.spec.metric = INDEX_DOT;
    file.number = 5; /* a damaged one was set aside while another was being filled */
    file.next_number = 4;
    reads_back(*state, &file);
    file = (struct index_file){
        .spec = {.name = "i", .metric = INDEX_COSINE}, .number = 1, .last = INT64_MAX};
    reads_back(*state, &file);
}

static void values_that_would_not_be_read_leave_the_old_file(void **state)
{
    struct index_file file = full_file();
    struct index_file got;
    struct error error = {.code = ERROR_NONE};
    assert_int_equal(index_file_write(*state, &file, NULL), 0);
    file.spec.metric = 0;
    assert_int_equal(index_file_write(*state, &file, &error), -EINVAL);
    file = full_file();
    file.number = 6;
    assert_int_equal(index_file_write(*state, &file, &error), -EINVAL);
    assert_int_equal(error.code, ERROR_MALFORMED);
    assert_int_equal(index_file_read(*state, &got, NULL), 0);
    assert_int_equal(got.number, 3);
    index_file_done(&got);
}

static void each_flipped_bit_is_seen(void **state)
{
    struct index_file file = full_file();
    struct buffer text = BUFFER_INIT;
    char path[64];
    (void)snprintf(path, sizeof path, "%s/index.json", (char *)*state);
    assert_int_equal(index_file_write(*state, &file, NULL), 0);
    assert_int_equal(whole_file_read(path, 4096, &text), 0);
    for (size_t i = 0; i < text.size; i++) {
        struct error error = {.code = ERROR_NONE};
        text.data[i] ^= 4;
        assert_int_equal(whole_file_write(path, text.data, text.size), 0);
        text.data[i] ^= 4;
        assert_int_equal(index_file_read(*state, &file, &error), error_code_errno(ERROR_MALFORMED));
        assert_non_null(strstr(error.message, "index.json"));
    }
    assert_int_equal(whole_file_write(path, text.data, text.size - SEAL_SIZE), 0);
    assert_int_equal(index_file_read(*state, &file, NULL), 0); /* an earlier version's */
    index_file_done(&file);
    buffer_done(&text);
}

static void what_a_person_broke_is_told(void **state)
{
    static const struct {
        const char *old;
        const char *new;
    } cases[] = {
        {"\"format\":1", "\"format\":2"},
        {"\"format\":1", "\"format\":\"1\""},
        {"\"name\":\"photos-like\"", "\"name\":\"../x\""},
        {"\"name\":\"photos-like\"", "\"name\":\"\""},
        {"\"model\":\"clip\"", "\"model\":7"},
        {"\"model\":\"clip\"", "\"model\":\"\""},
        {"\"store\":\"photos\"", "\"store\":\"\""},
        {"\"store\":\"photos\"", "\"store\":null"}, /* and yet another is being built */
        {"\"metric\":\"euclidean\"", "\"metric\":\"cubic\""},
        {"\"interval_s\":86400", "\"interval_s\":4294967296"},
        {"\"number\":3", "\"number\":0"},
        {"\"number\":3", "\"number\":6"},
        {"\"number\":5", "\"number\":3"},
        {"\"number\":5", "\"number\":9"},
        {"\"last\":5", "\"last\":2"},
        {"\"next\":{", "\"next\":{\"more\":1,"},
        {"\"glob\":\"*.jpg\",", ""},
        {"\"glob\":", "\"x\":1,\"glob\":"},
        {"}}\n", "}"},
    };
    struct index_file file = full_file();
    struct buffer text = BUFFER_INIT;
    char path[64];
    (void)snprintf(path, sizeof path, "%s/index.json", (char *)*state);
    assert_int_equal(index_file_write(*state, &file, NULL), 0);
    assert_int_equal(whole_file_read(path, 4096, &text), 0);
    assert_int_equal(seal_take(&text), 0); /* changing it removes that, too */
    const char *good = buffer_text(&text);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct index_file got = {.number = 77};
        struct error error = {.code = ERROR_NONE};
        struct buffer bad = BUFFER_INIT;
        const char *at = strstr(good, cases[i].old);
        assert_non_null(at);
        buffer_append(&bad, good, (size_t)(at - good));
        buffer_append_text(&bad, cases[i].new);
        buffer_append_text(&bad, at + strlen(cases[i].old));
        assert_int_equal(whole_file_write(path, bad.data, bad.size), 0);
        if (index_file_read(*state, &got, &error) != -EINVAL) {
            fail_msg("'%s' was taken", cases[i].new);
        }
        assert_int_equal(error.code, ERROR_MALFORMED);
        assert_int_equal(got.number, 77); /* not touched */
        buffer_done(&bad);
    }
    for (size_t cut = 0; cut + 2 < text.size; cut++) {
        struct index_file got;
        assert_int_equal(index_file_parse(good, cut, &got, NULL), -EINVAL);
    }
    buffer_done(&text);
}

static void what_is_no_such_file_is_refused(void **state)
{
    struct index_file got;
    char path[64];
    (void)snprintf(path, sizeof path, "%s/index.json", (char *)*state);
    assert_int_equal(index_file_read(*state, &got, NULL), -ENOENT);
    assert_int_equal(symlink("/etc/hostname", path), 0);
    assert_int_equal(index_file_read(*state, &got, NULL), error_code_errno(ERROR_IO));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_true(index_file_read(*state, &got, NULL) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_written_reads_back, setup, teardown),
        cmocka_unit_test_setup_teardown(values_that_would_not_be_read_leave_the_old_file, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(each_flipped_bit_is_seen, setup, teardown),
        cmocka_unit_test_setup_teardown(what_a_person_broke_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_such_file_is_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
