/* SPDX-License-Identifier: Apache-2.0
 *
 * The directory of a package: which files count, what is refused, where the model is, and the
 * digest. With the test data, a real package.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "families.h"
#include "fixture.h"

static int make_package(void **state)
{
    struct package *package = calloc(1, sizeof *package);
    assert_non_null(package);
    package_make(package);
    *state = package;
    return 0;
}

static int remove_package(void **state)
{
    package_remove(*state);
    free(*state);
    return 0;
}

static struct model_spec *read_ok(const struct package *package)
{
    struct model_spec *spec = NULL;
    struct error error = {0};
    if (model_package_read(package->path, "clip", &spec, &error) < 0) {
        fail_msg("%s", error.message);
    }
    return spec;
}

static void read_refused(const struct package *package, enum error_code code, const char *text)
{
    struct model_spec *spec = NULL;
    struct error error = {0};
    assert_true(model_package_read(package->path, "clip", &spec, &error) < 0);
    assert_null(spec);
    assert_message(&error, code, text);
}

static void files_are_listed_in_byte_order(void **state)
{
    package_write(*state, "model.onnx", "12345");
    package_write(*state, "model.onnx.data", "1234567");
    package_write(*state, "a/weights.bin", "1");
    package_write(*state, "a-b", "22");
    package_write(*state, "README.md", "readme");
    package_write(*state, ".gitattributes", "not of the package");
    package_write(*state, ".git/config", "neither");
    struct model_spec *spec = read_ok(*state);
    static const char *const expected[] = {"README.md", "a-b", "a/weights.bin", "model.onnx",
                                           "model.onnx.data"};
    assert_int_equal(spec->file_count, 5);
    for (size_t i = 0; i < spec->file_count; i++) {
        assert_string_equal(spec->files[i].path, expected[i]);
    }
    assert_int_equal(spec->size_bytes, 6 + 2 + 1 + 5 + 7);
    assert_null(spec->files[0].data_path);
    assert_string_equal(spec->files[2].data_path, "a/weights.bin");
    assert_null(spec->files[3].data_path);
    assert_string_equal(spec->files[4].data_path, "model.onnx.data");
    model_spec_free(spec);
}

static void the_model_is_found_by_its_usual_names(void **state)
{
    package_write(*state, "sub/only.onnx", "x");
    struct model_spec *spec = read_ok(*state);
    assert_string_equal(spec->onnx_path, "sub/only.onnx");
    model_spec_free(spec);

    package_write(*state, "other.onnx", "x");
    read_refused(*state, ERROR_MALFORMED, "several models");

    package_write(*state, "onnx/model.onnx", "x");
    package_write(*state, "onnx/model.onnx_data", "x");
    spec = read_ok(*state);
    assert_string_equal(spec->onnx_path, "onnx/model.onnx");
    for (size_t i = 0; i < spec->file_count; i++) {
        bool data = strcmp(spec->files[i].path, "onnx/model.onnx_data") == 0;
        assert_int_equal(spec->files[i].data_path != NULL, data);
        if (data) {
            assert_string_equal(spec->files[i].data_path, "model.onnx_data");
        }
    }
    model_spec_free(spec);

    package_write(*state, "model.onnx", "x");
    spec = read_ok(*state);
    assert_string_equal(spec->onnx_path, "model.onnx");
    model_spec_free(spec);
}

static void a_directory_without_a_model_is_refused(void **state)
{
    read_refused(*state, ERROR_NOT_FOUND, "looked for model.onnx");
    package_write(*state, "preprocessor_config.json", "{");
    read_refused(*state, ERROR_NOT_FOUND, "looked for model.onnx");

    struct model_spec *spec = NULL;
    struct error error = {0};
    assert_true(model_package_read("/nonexistent/package", NULL, &spec, &error) < 0);
    assert_message(&error, ERROR_NOT_FOUND, "/nonexistent/package");
    char path[256];
    package_path(*state, "preprocessor_config.json", path);
    assert_true(model_package_read(path, NULL, &spec, &error) < 0);
    assert_message(&error, ERROR_MALFORMED, "not a directory");
}

static void links_that_leave_the_package_are_refused(void **state)
{
    static const char *const targets[] = {"/etc/hostname", "../../../etc/hostname", "nowhere", "..",
                                          "."};
    char path[256];
    package_write(*state, "model.onnx", "x");
    package_path(*state, "link.bin", path);
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        assert_int_equal(symlink(targets[i], path), 0);
        read_refused(*state, ERROR_MALFORMED, "'link.bin' is a symbolic link");
        assert_int_equal(unlink(path), 0);
    }
}

static void links_that_stay_in_the_package_are_followed(void **state)
{
    char path[256];
    package_write(*state, "blobs/abc", "the model");
    package_path(*state, "model.onnx", path);
    assert_int_equal(symlink("blobs/abc", path), 0);
    struct model_spec *spec = read_ok(*state);
    assert_string_equal(spec->onnx_path, "model.onnx");
    assert_int_equal(spec->file_count, 2);
    assert_int_equal(spec->files[1].size_bytes, strlen("the model"));
    model_spec_free(spec);
}

static void what_is_no_file_is_refused(void **state)
{
    char path[256];
    package_write(*state, "model.onnx", "x");
    package_path(*state, "pipe", path);
    assert_int_equal(mkfifo(path, 0644), 0);
    read_refused(*state, ERROR_MALFORMED, "'pipe' is neither");
}

static void too_many_files_are_refused(void **state)
{
    package_write(*state, "model.onnx", "x");
    for (unsigned i = 1; i < LIMIT_PACKAGE_FILES; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "d%u/f%u", i % 3, i);
        package_write(*state, name, "");
    }
    struct model_spec *spec = read_ok(*state);
    assert_int_equal(spec->file_count, LIMIT_PACKAGE_FILES);
    model_spec_free(spec);
    package_write(*state, "one-more", "");
    read_refused(*state, ERROR_TOO_LARGE, "more than 256 files");
}

static void too_deep_directories_are_refused(void **state)
{
    package_write(*state, "model.onnx", "x");
    package_write(*state, "1/2/3/4/5/6/7/8/file", "x");
    model_spec_free(read_ok(*state));
    package_write(*state, "1/2/3/4/5/6/7/8/9/file", "x");
    read_refused(*state, ERROR_TOO_LARGE, "more than 8 directories");
}

static void a_json_file_above_the_limit_is_refused(void **state)
{
    char path[256];
    package_write(*state, "model.onnx", "x");
    package_write(*state, "config.json", "{}");
    package_path(*state, "config.json", path);
    assert_int_equal(truncate(path, (off_t)(LIMIT_CONFIG_BYTES + 1)), 0);
    read_refused(*state, ERROR_TOO_LARGE, "config.json: 16777217 bytes");
}

static void read_digest(const struct package *package, uint8_t digest[MODEL_DIGEST_SIZE])
{
    struct model_spec *spec = read_ok(package);
    struct error error = {0};
    assert_int_equal(model_package_digest(package->path, spec, digest, &error), 0);
    assert_memory_equal(digest, spec->digest, MODEL_DIGEST_SIZE);
    model_spec_free(spec);
}

static void the_digest_sees_every_change(void **state)
{
    static const struct {
        const char *name;
        const char *text;
    } changes[] = {
        {"model.onnx", "y"},           /* content */
        {"model.onnx", "yy"},          /* size */
        {"weights", ""},               /* an empty file */
        {"weights", "\1"},             /* its content */
        {"sub/weights", "\1"},         /* a file elsewhere */
        {"README.md", "a word about"}, /* never read */
    };
    uint8_t seen[sizeof changes / sizeof changes[0] + 1][MODEL_DIGEST_SIZE];
    package_write(*state, "model.onnx", "x");
    read_digest(*state, seen[0]);
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        package_write(*state, changes[i].name, changes[i].text);
        read_digest(*state, seen[i + 1]);
        for (size_t j = 0; j <= i; j++) {
            assert_memory_not_equal(seen[i + 1], seen[j], MODEL_DIGEST_SIZE);
        }
    }
}

static void the_digest_is_of_content_not_of_order(void **state)
{
    struct package other;
    uint8_t first[MODEL_DIGEST_SIZE];
    uint8_t second[MODEL_DIGEST_SIZE];
    package_write(*state, "model.onnx", "x");
    package_write(*state, "b/data", "1");
    package_write(*state, "a", "2");
    read_digest(*state, first);
    package_make(&other);
    package_write(&other, "a", "2");
    package_write(&other, "b/data", "1");
    package_write(&other, ".hidden", "no part of it");
    package_write(&other, "model.onnx", "x");
    read_digest(&other, second);
    assert_memory_equal(first, second, MODEL_DIGEST_SIZE);
    package_remove(&other);
}

static void the_digest_sees_a_file_renamed(void **state)
{
    uint8_t first[MODEL_DIGEST_SIZE];
    uint8_t second[MODEL_DIGEST_SIZE];
    char from[256];
    char to[256];
    package_write(*state, "model.onnx", "x");
    package_write(*state, "ab", "c");
    read_digest(*state, first);
    package_path(*state, "ab", from);
    package_path(*state, "ac", to);
    assert_int_equal(rename(from, to), 0);
    read_digest(*state, second);
    assert_memory_not_equal(first, second, MODEL_DIGEST_SIZE);
}

/* A file whose content looks like another file's path and content is not that file. */
static void the_digest_keeps_files_apart(void **state)
{
    uint8_t first[MODEL_DIGEST_SIZE];
    uint8_t second[MODEL_DIGEST_SIZE];
    char path[256];
    package_write(*state, "model.onnx", "x");
    package_write(*state, "a", "");
    package_write(*state, "b", "c");
    read_digest(*state, first);
    package_path(*state, "b", path);
    assert_int_equal(unlink(path), 0);
    package_write_bytes(*state, "a", "b\0c", 3);
    read_digest(*state, second);
    assert_memory_not_equal(first, second, MODEL_DIGEST_SIZE);
}

static void files_are_opened_under_the_same_rules(void **state)
{
    const struct package *package = *state;
    struct error error = {0};
    char path[256];
    char content[8] = "";
    int fd = -1;
    package_write(package, "onnx/model.onnx", "abc");
    assert_int_equal(model_package_open(package->path, "onnx/model.onnx", &fd, &error), 0);
    assert_int_equal(read(fd, content, sizeof content), 3);
    assert_memory_equal(content, "abc", 3);
    assert_int_equal(close(fd), 0);
    package_path(package, "out", path);
    assert_int_equal(symlink("/etc/hostname", path), 0);
    static const char *const refused[] = {"out", "../x", "/etc/hostname", "onnx", "", "onnx//a"};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        assert_true(model_package_open(package->path, refused[i], &fd, &error) < 0);
        assert_int_equal(error.code, ERROR_MALFORMED);
    }
    assert_int_equal(model_package_open(package->path, "none", &fd, &error), -ENOENT);
}

/* From here on this process has no openat2, as with older kernels and some container runtimes. */
static bool take_openat2_away(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* The last test: what it disables stays disabled. */
static void without_openat2_no_link_is_followed_at_all(void **state)
{
    const struct package *package = *state;
    struct error error = {0};
    char path[256];
    int fd = -1;
    if (!take_openat2_away()) {
        print_message("skipped: no seccomp filter can be set here\n");
        skip();
    }
    package_write(package, "onnx/model.onnx", "x");
    package_write(package, "a/b/weights", "yy");
    struct model_spec *spec = read_ok(package);
    assert_int_equal(spec->file_count, 2);
    assert_int_equal(spec->size_bytes, 3);
    model_spec_free(spec);
    package_path(package, "a/link", path);
    assert_int_equal(symlink("b", path), 0);
    assert_true(model_package_open(package->path, "a/link/weights", &fd, &error) < 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("/etc/hostname", path), 0);
    assert_true(model_package_open(package->path, "a/link", &fd, &error) < 0);
    read_refused(package, ERROR_MALFORMED, "'a/link' is a symbolic link");
}

static void the_packages_of_the_demo_are_read(void **state)
{
    (void)state;
    static const struct pipeline expected = {SQUARE(96, RESAMPLE_BILINEAR), RESCALE, HALF, FP32};
    struct model_spec *spec = NULL;
    struct error error = {0};
    if (model_package_read("demo/models/demo", NULL, &spec, &error) < 0) {
        fail_msg("%s", error.message);
    }
    assert_int_equal(spec->task, MODEL_IMAGE_CLASSIFICATION);
    assert_pipelines_equal(&spec->pipeline, &expected);
    assert_int_equal(spec->label_count, 12);
    assert_string_equal(spec->labels[0], "bricks");
    assert_string_equal(spec->labels[11], "wood");
    assert_string_equal(spec->onnx_path, "model.onnx");
    model_spec_free(spec);
    if (model_package_read("demo/models/demo-features", NULL, &spec, &error) < 0) {
        fail_msg("%s", error.message);
    }
    assert_int_equal(spec->task, MODEL_FEATURE_EXTRACTION);
    assert_pipelines_equal(&spec->pipeline, &expected);
    assert_int_equal(spec->label_count, 0);
    model_spec_free(spec);
}

static void the_real_squeezenet_is_read(void **state)
{
    (void)state;
    const char *data = getenv("SITU_TEST_DATA");
    char path[512];
    (void)snprintf(path, sizeof path, "%s/squeezenet", data ? data : "../shared/data");
    if (access(path, R_OK) != 0) {
        print_message("skipped: no test data at %s (set SITU_TEST_DATA)\n", path);
        skip();
    }
    static const struct pipeline expected = {SHORTEST(256, RESAMPLE_BILINEAR), CROP(224),
                                             MEAN_STD(123, 117, 104, 1, 1, 1),
                                             .flip_channels = true, FP32};
    struct model_spec *spec = NULL;
    struct error error = {0};
    if (model_package_read(path, NULL, &spec, &error) < 0) {
        fail_msg("%s", error.message);
    }
    assert_int_equal(spec->task, MODEL_IMAGE_CLASSIFICATION);
    assert_pipelines_equal(&spec->pipeline, &expected);
    assert_int_equal(spec->label_count, 1000);
    assert_string_equal(spec->labels[0], "tench, Tinca tinca");
    assert_string_equal(spec->labels[285], "Egyptian cat");
    assert_int_equal(spec->apply_softmax, -1);
    assert_int_equal(spec->file_count, 3);
    assert_string_equal(spec->onnx_path, "model.onnx");
    model_spec_free(spec);
}

#define IN_PACKAGE(test) cmocka_unit_test_setup_teardown(test, make_package, remove_package)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_PACKAGE(files_are_listed_in_byte_order),
        IN_PACKAGE(the_model_is_found_by_its_usual_names),
        IN_PACKAGE(a_directory_without_a_model_is_refused),
        IN_PACKAGE(links_that_leave_the_package_are_refused),
        IN_PACKAGE(links_that_stay_in_the_package_are_followed),
        IN_PACKAGE(what_is_no_file_is_refused),
        IN_PACKAGE(too_many_files_are_refused),
        IN_PACKAGE(too_deep_directories_are_refused),
        IN_PACKAGE(a_json_file_above_the_limit_is_refused),
        IN_PACKAGE(the_digest_sees_every_change),
        IN_PACKAGE(the_digest_is_of_content_not_of_order),
        IN_PACKAGE(the_digest_sees_a_file_renamed),
        IN_PACKAGE(the_digest_keeps_files_apart),
        IN_PACKAGE(files_are_opened_under_the_same_rules),
        cmocka_unit_test(the_packages_of_the_demo_are_read),
        cmocka_unit_test(the_real_squeezenet_is_read),
        IN_PACKAGE(without_openat2_no_link_is_followed_at_all),
    };
    return cmocka_run_group_tests_name("model/package", tests, NULL, NULL);
}
