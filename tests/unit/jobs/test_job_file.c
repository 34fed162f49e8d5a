/* SPDX-License-Identifier: Apache-2.0
 *
 * job.json: what is written reads back, the old one stays where the new one cannot be written, what
 * a person broke is told; and the job object that clients see.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/seal.h"
#include "disk_fixture.h"
#include "jobs/job_file.h"
#include "sample_spec.h"

static char prefix[] = "2024/\"caf\xc3\xa9\"\n/";

static struct job_spec full_spec(void)
{
    struct job_spec spec = sample_spec(prefix);
    spec.standing = true;
    spec.interval_s = 86400;
    return spec;
}

static void same_spec(const struct job_spec *a, const struct job_spec *b)
{
    assert_string_equal(a->id, b->id);
    assert_string_equal(a->owner, b->owner);
    assert_string_equal(a->keys_stores ? a->keys_stores : "", b->keys_stores ? b->keys_stores : "");
    assert_string_equal(a->token, b->token);
    assert_string_equal(a->model, b->model);
    assert_string_equal(a->version, b->version);
    assert_string_equal(a->digest, b->digest);
    assert_true(selection_is_same(&a->select, &b->select));
    assert_int_equal(a->has_keys, b->has_keys);
    assert_int_equal(a->top, b->top);
    assert_int_equal(a->labels, b->labels);
    assert_int_equal(a->binary, b->binary);
    assert_int_equal(a->priority, b->priority);
    assert_int_equal(a->max_failures, b->max_failures);
    assert_int_equal(a->cache, b->cache);
    assert_int_equal(a->keep, b->keep);
    assert_int_equal(a->standing, b->standing);
    assert_int_equal(a->interval_s, b->interval_s);
    assert_int_equal(a->created_s, b->created_s);
}

static void reads_back(const struct disk_fixture *fixture, const struct job_file *file)
{
    struct job_file got;
    char path[128];
    assert_int_equal(job_file_write(fixture->root, file, NULL), 0);
    assert_int_equal(job_file_read(fixture->root, &got, NULL), 0);
    same_spec(&got.spec, &file->spec);
    assert_int_equal(got.state, file->state == JOB_RUNNING ? JOB_WAITING : file->state);
    assert_int_equal(got.reason.code, file->reason.code);
    assert_string_equal(got.reason.message, file->reason.message);
    assert_int_equal(got.failed_before, file->failed_before);
    assert_int_equal(got.selected_known, file->selected_known);
    assert_int_equal(got.selected, file->selected);
    assert_memory_equal(&got.left_out, &file->left_out, sizeof got.left_out);
    assert_int_equal(got.finished_s, file->finished_s);
    assert_int_equal(got.gone, file->gone);
    assert_int_equal(got.roots.count, file->roots.count);
    for (size_t i = 0; i < got.roots.count; i++) {
        assert_string_equal(got.roots.list[i].name, file->roots.list[i].name);
        assert_int_equal(got.roots.list[i].filesystem, file->roots.list[i].filesystem);
        assert_int_equal(got.roots.list[i].device_only, file->roots.list[i].device_only);
    }
    job_file_done(&got);
    (void)snprintf(path, sizeof path, "%s/job.json.new", fixture->root);
    assert_int_equal(access(path, F_OK), -1);
}

static void what_is_written_reads_back(void **state)
{
    struct job_file file = {.spec = full_spec(),
                            .state = JOB_FAILED,
                            .reason = {ERROR_NO_SPACE, "the disk \"x\" is full\n\xc3\xa9"},
                            .failed_before = 3,
                            .selected_known = true,
                            .selected = 1000000,
                            .left_out = {.skipped = 17,
                                         .links = 4,
                                         .excluded = 5,
                                         .names = 1,
                                         .suffix_count = 2,
                                         .suffixes = {{"heic", 15}, {"mov", 2}}},
                            .finished_s = 1795424401};
    reads_back(*state, &file);
    file.spec = (struct job_spec){.id = "aaaaaaaa",
                                  .model = "m",
                                  .version = "2",
                                  .select.prefix = strchr(prefix, '\0'),
                                  .has_keys = true,
                                  .top = 1000,
                                  .max_failures = UINT64_MAX,
                                  .interval_s = 60};
    file.reason = (struct error){.code = ERROR_NONE};
    for (int i = JOB_WAITING; i <= JOB_FAILED; i++) {
        file.state = (enum job_state)i;
        reads_back(*state, &file);
    }
    file.spec.binary = true;
    reads_back(*state, &file);
    (void)stpcpy(file.spec.owner, "user:anna \"\xc3\xa9\"");
    reads_back(*state, &file);
    char keys_stores[] = "photos scans";
    file.spec.keys_stores = keys_stores;
    reads_back(*state, &file);
    file.spec.max_failures = 0;
    reads_back(*state, &file);
    file.gone = 3;
    assert_int_equal(roots_add(&file.roots, "photos", UINT64_MAX, false), 0);
    assert_int_equal(roots_add(&file.roots, "scans", 0x701, true), 0);
    assert_int_equal(roots_add(&file.roots, "scans", 1, true), -EINVAL);
    reads_back(*state, &file);
    roots_done(&file.roots);
    char exclude[] = "*.tmp\nraw/\n";
    char defaults[] = "._*\n";
    file.spec.select.rules = (struct select_rules){.defaults = defaults};
    reads_back(*state, &file);
    file.spec.select.rules =
        (struct select_rules){.exclude = exclude, .defaults = defaults, .sniff = true};
    reads_back(*state, &file);
}

static void a_file_that_cannot_be_written_leaves_the_old_one(void **state)
{
    const struct disk_fixture *fixture = *state;
    struct error error = {0};
    struct job_file file = {.spec = full_spec()};
    char path[128];
    size_t size;
    (void)snprintf(path, sizeof path, "%s/job.json", fixture->root);
    assert_int_equal(job_file_write(fixture->root, &file, NULL), 0);
    char *before = disk_read(path, &size);

    file.state = JOB_DONE;
    disk_limit(100);
    assert_int_equal(job_file_write(fixture->root, &file, &error), error_code_errno(ERROR_IO));
    disk_limit(0);
    assert_int_equal(error.code, ERROR_IO);

    char too_long[LIMIT_KEY_BYTES + 2]; /* what no reader would take */
    memset(too_long, 'k', sizeof too_long);
    too_long[sizeof too_long - 1] = '\0';
    file.spec.select.prefix = too_long;
    assert_int_equal(job_file_write(fixture->root, &file, NULL), error_code_errno(ERROR_MALFORMED));

    char *after = disk_read(path, &size);
    assert_string_equal(before, after);
    free(before);
    free(after);
    (void)snprintf(path, sizeof path, "%s/job.json.new", fixture->root);
    assert_int_equal(access(path, F_OK), -1);
    assert_true(job_file_write("/tmp/situ-jobs-no-such-directory", &file, NULL) < 0);
}

/* Puts `text` in place of job.json. */
static int read_text(const struct disk_fixture *fixture, const char *text, struct error *error)
{
    struct job_file file = {.state = JOB_DONE};
    char path[128];
    (void)snprintf(path, sizeof path, "%s/job.json", fixture->root);
    disk_write(path, text, strlen(text));
    int r = job_file_read(fixture->root, &file, error);
    if (r == 0) {
        job_file_done(&file);
    } else {
        assert_int_equal(file.state, JOB_DONE); /* not touched */
    }
    return r;
}

/* The text with the first `old` replaced; the caller frees it. */
static char *replaced(const char *text, const char *old, const char *new)
{
    const char *at = strstr(text, old);
    char *out = NULL;
    assert_non_null(at);
    assert_true(asprintf(&out, "%.*s%s%s", (int)(at - text), text, new, at + strlen(old)) > 0);
    return out;
}

static void a_file_that_a_person_broke_is_told(void **state)
{
    const struct disk_fixture *fixture = *state;
    static const struct {
        const char *old;
        const char *new;
        const char *told;
    } cases[] = {
        {"\"format\":1", "\"format\":2", "newer"},
        {"\"format\":1", "\"format\":0", "format"},
        {"\"format\":1", "\"format\":\"1\"", "format"},
        {"\"id\":\"k3vq7xa2\"", "\"id\":\"../../..\"", "id"},
        {"\"id\":\"k3vq7xa2\"", "\"id\":\"k3vq7xa\"", "id"},
        {"\"id\":\"k3vq7xa2\"", "\"id\":\"k3vq7xa23\"", "id"},
        {"\"id\":\"k3vq7xa2\",", "", "id"},
        {"\"model\":\"squeezenet\"", "\"model\":\"a/b\"", "model"},
        {"\"model\":\"squeezenet\"", "\"model\":\".a\"", "model"},
        {"\"model\":\"squeezenet\"", "\"model\":7", "model"},
        {"\"token\":\"a-Token_1.2\"", "\"token\":\"\\u0000\"", "not valid JSON"},
        {"\"store\":\"photos\"", "\"store\":null", "store"},
        {"\"top\":5", "\"top\":1001", "top"},
        {"\"top\":5", "\"top\":-1", "top"},
        {"\"top\":5", "\"top\":5.5", "top"},
        {"\"priority\":7", "\"priority\":10", "priority"},
        {"\"max_failures\":12", "\"max_failures\":-12", "max_failures"},
        {"\"max_failures\":12", "\"max_failures\":99999999999999999999", "not valid JSON"},
        {"\"interval_s\":86400", "\"interval_s\":4294967296", "interval_s"},
        {"\"state\":\"waiting\"", "\"state\":\"sleeping\"", "state"},
        {"\"reason\":null", "\"reason\":{\"code\":\"io\"}", "reason"},
        {"\"reason\":null", "\"reason\":true", "reason"},
        {"\"cache\":true", "\"cache\":1", "cache"},
        {"\"cache\":true", "\"cache\":true,\"cachet\":true", "unknown member"},
        {"\"cache\":true", "\"cache\":true,\"cache\":true", "not valid JSON"},
        {"\"cache\":true", "\"cache\":true,\"gone\":-1", "gone"},
        {"\"cache\":true", "\"cache\":true,\"roots\":7", "roots"},
        {"\"cache\":true", "\"cache\":true,\"roots\":[7]", "roots"},
        {"\"cache\":true",
         "\"cache\":true,\"roots\":[{\"store\":\"a\",\"filesystem\":\"00000000000000g7\",\"device_"
         "only\":false}]",
         "roots"},
        {"}\n", "", "not valid JSON"},
        {"}\n", "}x", "not valid JSON"},
    };
    struct job_file file = {.spec = full_spec()};
    char path[128];
    size_t size;
    (void)snprintf(path, sizeof path, "%s/job.json", fixture->root);
    assert_int_equal(job_file_write(fixture->root, &file, NULL), 0);
    char *good = disk_read(path, &size);
    size -= SEAL_SIZE; /* who changes it takes that away, too */
    good[size] = '\0';
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error error = {0};
        char *bad = replaced(good, cases[i].old, cases[i].new);
        assert_int_equal(read_text(fixture, bad, &error), error_code_errno(ERROR_MALFORMED));
        assert_int_equal(error.code, ERROR_MALFORMED);
        if (!strstr(error.message, cases[i].told)) {
            fail_msg("'%s': '%s'", cases[i].new, error.message);
        }
        free(bad);
    }
    for (size_t cut = 0; cut + 2 < size; cut++) {
        char *bad = strndup(good, cut);
        assert_int_equal(read_text(fixture, bad, NULL), error_code_errno(ERROR_MALFORMED));
        free(bad);
    }
    assert_int_equal(read_text(fixture, "[]", NULL), error_code_errno(ERROR_MALFORMED));
    assert_int_equal(read_text(fixture, good, NULL), 0);
    free(good);
}

/* A flipped bit made a done job a failed one, or another job of it, and nothing told so. */
static void each_flipped_bit_is_seen(void **state)
{
    const struct disk_fixture *fixture = *state;
    struct job_file file = {.spec = full_spec(), .state = JOB_DONE, .finished_s = 1795424500};
    char path[128];
    size_t size;
    (void)snprintf(path, sizeof path, "%s/job.json", fixture->root);
    assert_int_equal(job_file_write(fixture->root, &file, NULL), 0);
    char *bytes = disk_read(path, &size);
    for (size_t i = 0; i < size; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            struct error error = {0};
            bytes[i] = (char)(bytes[i] ^ 1 << bit);
            disk_write(path, bytes, size);
            bytes[i] = (char)(bytes[i] ^ 1 << bit);
            assert_int_equal(job_file_read(fixture->root, &file, &error),
                             error_code_errno(ERROR_MALFORMED));
            assert_non_null(strstr(error.message, "job.json"));
        }
    }
    /* An earlier version's file has no checksum, and is taken. */
    disk_write(path, bytes, size - SEAL_SIZE);
    assert_int_equal(job_file_read(fixture->root, &file, NULL), 0);
    assert_int_equal(file.state, JOB_DONE);
    job_file_done(&file);
    free(bytes);
}

static void what_is_no_file_of_a_job_is_refused(void **state)
{
    const struct disk_fixture *fixture = *state;
    struct job_file file;
    char path[128];
    assert_int_equal(job_file_read(fixture->root, &file, NULL), error_code_errno(ERROR_NOT_FOUND));
    assert_int_equal(job_file_read("/tmp/situ-jobs-no-such-directory", &file, NULL),
                     error_code_errno(ERROR_NOT_FOUND));
    (void)snprintf(path, sizeof path, "%s/job.json", fixture->root);
    assert_int_equal(symlink("/etc/hostname", path), 0);
    assert_int_equal(job_file_read(fixture->root, &file, NULL), error_code_errno(ERROR_IO));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(job_file_read(fixture->root, &file, NULL), error_code_errno(ERROR_MALFORMED));
    assert_int_equal(unlink(path), 0);
    char *large = malloc(LIMIT_JSON_BYTES + 1);
    assert_non_null(large);
    memset(large, ' ', LIMIT_JSON_BYTES + 1);
    disk_write(path, large, LIMIT_JSON_BYTES + 1);
    free(large);
    assert_int_equal(job_file_read(fixture->root, &file, NULL), error_code_errno(ERROR_MALFORMED));
}

static void specs_are_copied_whole(void **state)
{
    (void)state;
    struct job_spec spec = full_spec();
    struct job_spec copy;
    assert_int_equal(job_spec_copy(&spec, &copy), 0);
    same_spec(&copy, &spec);
    assert_ptr_not_equal(copy.select.store, spec.select.store);
    assert_ptr_not_equal(copy.select.prefix, spec.select.prefix);
    assert_ptr_not_equal(copy.select.glob, spec.select.glob);
    struct job_info info = {.spec = copy};
    job_info_done(&info);
    job_info_done(&info);
    spec.select.store = NULL;
    spec.select.glob = NULL;
    assert_int_equal(job_spec_copy(&spec, &copy), 0);
    same_spec(&copy, &spec);
    job_spec_done(&copy);
}

static void states_have_names_and_three_are_ends(void **state)
{
    (void)state;
    assert_string_equal(job_state_name(JOB_WAITING), "waiting");
    assert_string_equal(job_state_name(JOB_CANCELLED), "cancelled");
    assert_string_equal(job_state_name((enum job_state)77), "failed");
    assert_false(job_state_is_end(JOB_WAITING) || job_state_is_end(JOB_RUNNING) ||
                 job_state_is_end(JOB_PAUSED));
    assert_true(job_state_is_end(JOB_DONE) && job_state_is_end(JOB_CANCELLED) &&
                job_state_is_end(JOB_FAILED));
}

#define FILE_TEST(name) cmocka_unit_test_setup_teardown(name, disk_setup, disk_teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        FILE_TEST(what_is_written_reads_back),
        FILE_TEST(a_file_that_cannot_be_written_leaves_the_old_one),
        FILE_TEST(a_file_that_a_person_broke_is_told),
        FILE_TEST(each_flipped_bit_is_seen),
        FILE_TEST(what_is_no_file_of_a_job_is_refused),
        cmocka_unit_test(specs_are_copied_whole),
        cmocka_unit_test(states_have_names_and_three_are_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
