/* SPDX-License-Identifier: Apache-2.0
 *
 * An upload of a package that is cut off: the received part is removed, and not on the thread that
 * drops the upload, which is a listener's. The linker redirects remove() to this file, which notes
 * the thread.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/models/package_upload.h"
#include "wire/tar.h"

static pthread_t listener;
static atomic_uint removed_here;
static atomic_uint removed_elsewhere;

int __real_remove(const char *path);
int __wrap_remove(const char *path);

int __wrap_remove(const char *path)
{
    atomic_fetch_add(pthread_equal(pthread_self(), listener) ? &removed_here : &removed_elsewhere,
                     1);
    return __real_remove(path);
}

static char *make_directory(void)
{
    char *directory = strdup("/tmp/situ-upload-XXXXXX");
    assert_non_null(directory);
    assert_non_null(mkdtemp(directory));
    return directory;
}

static int forget(void **state)
{
    (void)state;
    listener = pthread_self();
    atomic_store(&removed_here, 0);
    atomic_store(&removed_elsewhere, 0);
    return 0;
}

/* The head of a file and less content than it announces. */
static void feed_a_part(struct package_upload *upload)
{
    cleanup_buffer struct buffer tar = BUFFER_INIT;
    struct tar_entry entry = {.path = "onnx/model.onnx", .size_bytes = 1000};
    struct error error;
    assert_int_equal(tar_write_header(&tar, &entry, &error), 0);
    buffer_append_text(&tar, "the first bytes");
    assert_int_equal(package_upload_feed(upload, tar.data, tar.size), 0);
}

/* Runs an upload to its end: cut off or accepted. The caller frees the returned path. */
static char *run_upload(unsigned task_count, bool taken)
{
    struct tasks *tasks = NULL;
    struct package_upload *upload = NULL;
    char *directory = make_directory();
    char *path = strdup(directory);
    assert_int_equal(tasks_new(task_count, &tasks), 0);
    assert_int_equal(package_upload_new(directory, 1 << 20, tasks, &upload), 0);
    if (taken) {
        package_upload_take(upload);
    } else {
        feed_a_part(upload);
    }
    package_upload_free(upload);
    tasks_free(tasks);
    return path;
}

static void test_a_cut_upload_is_removed_on_another_thread(void **state)
{
    (void)state;
    cleanup_free char *path = run_upload(4, false);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(atomic_load(&removed_here), 0);
    assert_int_equal(atomic_load(&removed_elsewhere), 3); /* the file, onnx/, the directory */
}

static void test_a_cut_upload_goes_even_where_no_task_is_to_be_had(void **state)
{
    (void)state;
    cleanup_free char *path = run_upload(0, false);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void test_a_package_that_was_taken_stays(void **state)
{
    (void)state;
    cleanup_free char *path = run_upload(4, true);
    assert_int_equal(rmdir(path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_cut_upload_is_removed_on_another_thread, forget),
        cmocka_unit_test_setup(test_a_cut_upload_goes_even_where_no_task_is_to_be_had, forget),
        cmocka_unit_test_setup(test_a_package_that_was_taken_stays, forget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
