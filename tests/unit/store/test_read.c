/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading objects: content and identity, and everything in a directory tree that is not an object:
 * links, FIFOs, devices, unreadable files, files that change during reading.
 */
#include "store/dir/dir.h"
#include "store/file_identity.h"
#include "tree.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>

/* Reads into a buffer of 64 bytes, and checks that stat agrees. The error's code. */
static enum error_code read_text(struct store *store, const char *key, char *text,
                                 struct error *error)
{
    struct identity identity = {0};
    struct object_state state = {0};
    struct error stat_error = {.code = ERROR_NONE};
    size_t size = 0;
    *error = (struct error){.code = ERROR_NONE};
    int r = store_read(store, key, &(struct store_target){.bytes = text, .capacity = 64}, &size,
                       &identity, error);
    int stat_r = store_stat(store, key, &state, &stat_error);
    assert_true((r == 0) == (error->code == ERROR_NONE));
    if (r == 0) {
        assert_int_equal(stat_r, 0);
        assert_true(identity_is_same(&identity, &state.identity));
        assert_int_equal(state.size_bytes, size);
        text[size] = '\0';
    }
    if (error->code == ERROR_NOT_FOUND || error->code == ERROR_UNFIT ||
        error->code == ERROR_MALFORMED) {
        assert_int_equal(stat_error.code, error->code);
        assert_string_equal(stat_error.message, error->message);
    }
    return error->code;
}

static void an_object_is_read_with_its_identity(void **state)
{
    struct tree *tree = *state;
    tree_put(tree, "a/b.jpg", "hello");
    for (int dir = 0; dir < 2; dir++) {
        char text[65];
        struct error error;
        assert_int_equal(read_text(tree_store(tree, dir), "a/b.jpg", text, &error), ERROR_NONE);
        assert_string_equal(text, "hello");
    }
}

static void an_identity_changes_with_its_object(void **state)
{
    struct tree *tree = *state;
    for (int dir = 0; dir < 2; dir++) {
        struct object_state before;
        struct object_state after;
        struct error error;
        tree_put(tree, "a.jpg", "one");
        assert_int_equal(store_stat(tree_store(tree, dir), "a.jpg", &before, &error), 0);
        (void)usleep(30000); /* the kernel's clock must tick */
        tree_put(tree, "a.jpg", "two");
        assert_int_equal(store_stat(tree_store(tree, dir), "a.jpg", &after, &error), 0);
        assert_int_equal(before.size_bytes, after.size_bytes);
        assert_true(after.mtime_ns > before.mtime_ns);
        assert_false(identity_is_same(&before.identity, &after.identity));
    }
}

static void what_is_not_there_is_not_found(void **state)
{
    struct tree *tree = *state;
    tree_put(tree, "a/b.jpg", "x");
    static const char *const keys[] = {"c",    "a/c.jpg",   "c/d",        "a/b.jpg/c",
                                       "../x", "a/../../x", "/etc/passwd"};
    char long_name[400];
    memset(long_name, 'n', sizeof long_name);
    long_name[sizeof long_name - 1] = '\0';
    for (int dir = 0; dir < 2; dir++) {
        char text[65];
        struct error error;
        for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
            assert_int_equal(read_text(tree_store(tree, dir), keys[i], text, &error),
                             ERROR_NOT_FOUND);
            assert_non_null(strstr(error.message, keys[i]));
        }
        assert_int_equal(read_text(tree_store(tree, dir), long_name, text, &error),
                         ERROR_NOT_FOUND);
    }
}

/* Keys are checked before this; the kernel refuses these, too. */
static void no_name_leads_out_of_the_root(void **state)
{
    struct tree *tree = *state;
    static const char *const names[] = {"..",      ".",           "a/..",         "a/../..",
                                        "../../x", "/etc/passwd", "a/../../../x", "/"};
    tree_put(tree, "a/b.jpg", "x");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char text[64];
        size_t size = 0;
        struct identity identity;
        struct object_state now;
        struct error error;
        const struct store_target target = {.bytes = text, .capacity = sizeof text};
        assert_true(store_read(tree->dir, names[i], &target, &size, &identity, &error) < 0);
        assert_true(error.code == ERROR_NOT_FOUND || error.code == ERROR_UNFIT);
        assert_true(store_stat(tree->dir, names[i], &now, &error) < 0);
        assert_true(error.code == ERROR_NOT_FOUND || error.code == ERROR_UNFIT);
        assert_int_equal(store_stat(tree->mem, names[i], &now, &error), -ENOENT);
    }
}

static void an_empty_object_has_no_bytes(void **state)
{
    struct tree *tree = *state;
    tree_put(tree, "empty", "");
    for (int dir = 0; dir < 2; dir++) {
        char text[65] = "?";
        struct error error;
        assert_int_equal(read_text(tree_store(tree, dir), "empty", text, &error), ERROR_NONE);
        assert_string_equal(text, "");
    }
}

/* Jobs had failure lines for good objects while many clients were connected. */
static void too_many_open_files_are_no_fault_of_an_object(void **state)
{
    struct tree *tree = *state;
    struct rlimit before;
    struct error error;
    char text[65] = "";
    tree_put(tree, "a/b", "1");
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit none = {.rlim_cur = 0, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    enum error_code code = read_text(tree->dir, "a/b", text, &error);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(code, ERROR_UNAVAILABLE);
    assert_int_equal(read_text(tree->dir, "a/b", text, &error), ERROR_NONE);
}

static void an_object_must_fit_the_buffer(void **state)
{
    struct tree *tree = *state;
    tree_put(tree, "a", "12345678");
    for (int dir = 0; dir < 2; dir++) {
        char bytes[8];
        size_t size = 0;
        struct identity identity;
        struct error error;
        assert_int_equal(store_read(tree_store(tree, dir), "a",
                                    &(struct store_target){.bytes = bytes, .capacity = 8}, &size,
                                    &identity, &error),
                         0);
        assert_int_equal(store_read(tree_store(tree, dir), "a",
                                    &(struct store_target){.bytes = bytes, .capacity = 7}, &size,
                                    &identity, &error),
                         -EFBIG);
        assert_int_equal(error.code, ERROR_TOO_LARGE);
    }
}

static void links_within_the_store_are_followed(void **state)
{
    struct tree *tree = *state;
    char path[256];
    char text[65];
    struct error error;
    tree_put(tree, "a/b.jpg", "within");
    tree_put(tree, "c/d.jpg", "x");
    assert_int_equal(symlink("../a/b.jpg", tree_path(tree, "c/link", path, sizeof path)), 0);
    assert_int_equal(symlink("a", tree_path(tree, "dirlink", path, sizeof path)), 0);
    assert_int_equal(read_text(tree->dir, "c/link", text, &error), ERROR_NONE);
    assert_string_equal(text, "within");
    assert_int_equal(read_text(tree->dir, "dirlink/b.jpg", text, &error), ERROR_NONE);
}

static void links_out_of_the_store_are_refused_and_said_to_be(void **state)
{
    struct tree *tree = *state;
    char path[256];
    char inside[256];
    char text[65];
    struct error error;
    tree_put(tree, "a/b.jpg", "x");
    (void)tree_path(tree, "a/b.jpg", inside, sizeof inside);
    /* An absolute link leaves the store even if it comes back. */
    const char *const targets[] = {"/etc/passwd", "../../etc/passwd", "..", inside};
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        (void)tree_path(tree, "link", path, sizeof path);
        assert_int_equal(symlink(targets[i], path), 0);
        assert_int_equal(read_text(tree->dir, "link", text, &error), ERROR_NOT_FOUND);
        assert_non_null(strstr(error.message, "out of the store"));
        assert_int_equal(read_text(tree->dir, "link/x", text, &error), ERROR_NOT_FOUND);
        assert_int_equal(unlink(path), 0);
    }
}

static void a_loop_of_links_ends(void **state)
{
    struct tree *tree = *state;
    char path[256];
    char text[65];
    struct error error;
    assert_int_equal(symlink("two", tree_path(tree, "one", path, sizeof path)), 0);
    assert_int_equal(symlink("one", tree_path(tree, "two", path, sizeof path)), 0);
    assert_int_equal(read_text(tree->dir, "one", text, &error), ERROR_NOT_FOUND);
    assert_non_null(strstr(error.message, "link"));
}

static void only_regular_files_are_objects(void **state)
{
    struct tree *tree = *state;
    char path[256];
    char text[65];
    struct error error;
    (void)alarm(20); /* a FIFO without a writer must not hang */
    assert_int_equal(mkfifo(tree_path(tree, "fifo", path, sizeof path), 0600), 0);
    assert_int_equal(read_text(tree->dir, "fifo", text, &error), ERROR_UNFIT);
    assert_non_null(strstr(error.message, "FIFO"));

    assert_int_equal(mkdir(tree_path(tree, "directory", path, sizeof path), 0700), 0);
    assert_int_equal(read_text(tree->dir, "directory", text, &error), ERROR_UNFIT);
    assert_non_null(strstr(error.message, "directory"));

    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)tree_path(tree, "socket", address.sun_path, sizeof address.sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(read_text(tree->dir, "socket", text, &error), ERROR_UNFIT);
    assert_non_null(strstr(error.message, "socket"));
    assert_int_equal(close(fd), 0);
}

static void a_device_is_not_opened(void **state)
{
    struct tree *tree = *state;
    char path[256];
    char text[65];
    struct error error;
    (void)alarm(20);
    /* A device number without a driver: opening it would give ENXIO, not "a device". */
    if (mknod(tree_path(tree, "device", path, sizeof path), S_IFCHR | 0600, makedev(4095, 7)) < 0) {
        print_message("skipped: to make a device takes root\n");
        skip();
    }
    assert_int_equal(read_text(tree->dir, "device", text, &error), ERROR_UNFIT);
    assert_non_null(strstr(error.message, "device"));
}

static void an_unreadable_object_is_said_to_be(void **state)
{
    struct tree *tree = *state;
    char path[256];
    char text[65];
    struct error error;
    tree_put(tree, "secret", "x");
    tree_put(tree, "closed/a", "x");
    assert_int_equal(chmod(tree->root, 0755), 0);
    assert_int_equal(chmod(tree_path(tree, "secret", path, sizeof path), 0), 0);
    assert_int_equal(chmod(tree_path(tree, "closed", path, sizeof path), 0), 0);
    bool root = geteuid() == 0;
    if (root) {
        assert_int_equal(seteuid(65534), 0);
    }
    enum error_code secret = read_text(tree->dir, "secret", text, &error);
    bool named = strstr(error.message, "secret") != NULL;
    enum error_code closed = read_text(tree->dir, "closed/a", text, &error);
    if (root) {
        assert_int_equal(seteuid(0), 0);
    }
    assert_int_equal(chmod(path, 0700), 0);
    assert_int_equal(secret, ERROR_UNREADABLE);
    assert_true(named);
    assert_int_equal(closed, ERROR_UNREADABLE);
}

/* Rewrites a file in place, a whole generation of one letter after the other, until stopped. */
struct writer {
    char path[256];
    size_t size;
    atomic_bool stop;
    bool grow;           /* appends instead */
    atomic_uint written; /* generations so far */
};

static void *rewrite(void *argument)
{
    struct writer *writer = argument;
    char chunk[4096];
    int fd = open(writer->path, O_WRONLY | O_CLOEXEC | (writer->grow ? O_APPEND : 0));
    for (unsigned generation = 0; fd >= 0 && !atomic_load(&writer->stop); generation++) {
        memset(chunk, 'a' + (int)(generation % 26), sizeof chunk);
        for (size_t at = 0; at < writer->size; at += sizeof chunk) {
            ssize_t n =
                writer->grow ? write(fd, chunk, 16) : pwrite(fd, chunk, sizeof chunk, (off_t)at);
            if (n < 0) {
                break;
            }
        }
        atomic_fetch_add(&writer->written, 1);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return NULL;
}

static void wait_for_writer(struct writer *writer)
{
    while (atomic_load(&writer->written) == 0) {
        (void)usleep(100);
    }
}

/* Bytes of at most two letters, the later generation first: the file at one moment of a rewrite
 * from front to back. */
static bool is_one_moment(const char *bytes, size_t size)
{
    unsigned changes = 0;
    for (size_t i = 1; i < size; i++) {
        changes += bytes[i] != bytes[i - 1] ? 1 : 0;
    }
    return changes <= 1;
}

static void an_object_rewritten_while_read_is_whole_or_refused(void **state)
{
    struct tree *tree = *state;
    enum { SIZE = 1 << 20, ROUNDS = 60, ROUNDS_MAX = 5000 };
    struct writer writer = {.size = SIZE};
    char *bytes = calloc(1, SIZE);
    assert_non_null(bytes);
    (void)tree_path(tree, "busy", writer.path, sizeof writer.path);
    memset(bytes, 'a', SIZE);
    tree_write(writer.path, bytes, SIZE);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, rewrite, &writer), 0);
    unsigned changed = 0;
    wait_for_writer(&writer);
    for (unsigned i = 0; i < ROUNDS || (changed == 0 && i < ROUNDS_MAX); i++) {
        size_t size = 0;
        struct identity identity;
        struct error error = {.code = ERROR_NONE};
        int r =
            store_read(tree->dir, "busy", &(struct store_target){.bytes = bytes, .capacity = SIZE},
                       &size, &identity, &error);
        if (r == 0) {
            assert_int_equal(size, SIZE);
            assert_true(is_one_moment(bytes, size));
        } else {
            assert_int_equal(error.code, ERROR_CHANGED);
            changed++;
        }
    }
    atomic_store(&writer.stop, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(changed > 0);
    size_t size = 0;
    struct identity identity;
    assert_int_equal(store_read(tree->dir, "busy",
                                &(struct store_target){.bytes = bytes, .capacity = SIZE}, &size,
                                &identity, NULL),
                     0);
    free(bytes);
}

static void an_object_that_grows_while_read_is_refused(void **state)
{
    struct tree *tree = *state;
    enum { SIZE = 1 << 20, CAPACITY = 256 << 20, ROUNDS_MAX = 5000 };
    struct writer writer = {.size = SIZE, .grow = true};
    char *bytes = calloc(1, CAPACITY);
    assert_non_null(bytes);
    (void)tree_path(tree, "growing", writer.path, sizeof writer.path);
    tree_write(writer.path, bytes, SIZE);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, rewrite, &writer), 0);
    unsigned changed = 0;
    wait_for_writer(&writer);
    for (unsigned i = 0; i < ROUNDS_MAX && changed == 0; i++) {
        size_t size = 0;
        struct identity identity;
        struct error error = {.code = ERROR_NONE};
        int r = store_read(tree->dir, "growing",
                           &(struct store_target){.bytes = bytes, .capacity = CAPACITY}, &size,
                           &identity, &error);
        assert_true(r == 0 || error.code == ERROR_CHANGED);
        assert_true(r < 0 || file_identity_unpack(&identity).size_bytes == size);
        changed += r < 0 ? 1 : 0;
    }
    atomic_store(&writer.stop, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(changed, 1);
    free(bytes);
}

static void count_wait(void *context)
{
    ++*(unsigned *)context;
}

static unsigned waits_of_read(struct tree *tree, const char *key, char *bytes, size_t capacity)
{
    unsigned waits = 0;
    size_t size = 0;
    struct identity identity;
    struct store_target target = {
        .bytes = bytes, .capacity = capacity, .waits = count_wait, .context = &waits};
    assert_int_equal(store_read(tree->dir, key, &target, &size, &identity, NULL), 0);
    assert_int_equal(size, capacity);
    return waits;
}

static void a_reading_that_waits_for_the_disk_is_told_once_before(void **state)
{
    struct tree *tree = *state;
    enum { SIZE = 3 << 20 };
    char path[256];
    char *bytes = malloc(SIZE);
    char *again = malloc(SIZE);
    assert_non_null(bytes);
    assert_non_null(again);
    memset(bytes, 'x', SIZE);
    (void)tree_path(tree, "cold", path, sizeof path);
    tree_write(path, bytes, SIZE);
    assert_int_equal(waits_of_read(tree, "cold", again, SIZE), 0);
    assert_memory_equal(bytes, again, SIZE);

    /* Removes it from the page cache again, if the file system allows. */
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(fsync(fd), 0);
    assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
    struct iovec first = {again, 1};
    bool cold = preadv2(fd, &first, 1, SIZE / 2, RWF_NOWAIT) < 0;
    (void)close(fd);
    memset(again, 0, SIZE);
    unsigned waits = waits_of_read(tree, "cold", again, SIZE);
    assert_memory_equal(bytes, again, SIZE);
    free(bytes);
    free(again);
    if (!cold) {
        print_message("this file system keeps files in memory\n");
        skip();
    }
    assert_int_equal(waits, 1);
}

/* In a child: holds a write lease as a file server does, and releases it some time after a request.
 * Writes a byte when it has the lease. */
static void hold_lease(const char *path, int ready)
{
    sigset_t asked;
    int signal_number = 0;
    (void)sigemptyset(&asked);
    (void)sigaddset(&asked, SIGIO);
    (void)sigprocmask(SIG_BLOCK, &asked, NULL);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    bool held = fd >= 0 && fcntl(fd, F_SETLEASE, F_WRLCK) == 0;
    if (write(ready, held ? "y" : "n", 1) != 1 || !held) {
        _exit(1);
    }
    (void)sigwait(&asked, &signal_number);
    (void)usleep(100000);
    (void)fcntl(fd, F_SETLEASE, F_UNLCK);
    _exit(0);
}

static void a_lease_of_a_file_server_is_waited_for(void **state)
{
    struct tree *tree = *state;
    char path[256];
    char text[65];
    char held = 'n';
    int ends[2];
    struct error error;
    tree_put(tree, "leased", "content");
    (void)tree_path(tree, "leased", path, sizeof path);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)alarm(20);
        hold_lease(path, ends[1]);
    }
    assert_int_equal(close(ends[1]), 0);
    bool ready = read(ends[0], &held, 1) == 1 && held == 'y';
    assert_int_equal(close(ends[0]), 0);
    enum error_code code = ready ? read_text(tree->dir, "leased", text, &error) : ERROR_NONE;
    assert_int_equal(waitpid(child, NULL, 0), child);
    if (!ready) {
        print_message("skipped: this file system has no leases\n");
        skip();
    }
    assert_int_equal(code, ERROR_NONE);
    assert_string_equal(text, "content");
}

static void a_store_must_be_a_directory_that_can_be_opened(void **state)
{
    struct tree *tree = *state;
    struct store *store = NULL;
    struct error error;
    char path[256];
    tree_put(tree, "file", "x");
    assert_int_equal(store_dir_open("/nowhere/at/all", &store, &error), -ENOENT);
    assert_string_equal(error.message, "its directory is not there");
    char missing[] = "/nowhere/at/all";
    struct store_settings settings = {.backend = &dir_backend, .values = {missing}};
    assert_int_equal(dir_backend.check(&settings, false, &error), 0);
    assert_int_equal(dir_backend.check(&settings, true, &error), -ENOENT);
    assert_non_null(strstr(error.message, "/nowhere/at/all"));
    assert_int_equal(store_dir_open(tree_path(tree, "file", path, sizeof path), &store, &error),
                     -ENOENT);
    assert_null(store);
    store_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_object_is_read_with_its_identity, tree_setup,
                                        tree_teardown),
        cmocka_unit_test_setup_teardown(an_identity_changes_with_its_object, tree_setup,
                                        tree_teardown),
        cmocka_unit_test_setup_teardown(what_is_not_there_is_not_found, tree_setup, tree_teardown),
        cmocka_unit_test_setup_teardown(no_name_leads_out_of_the_root, tree_setup, tree_teardown),
        cmocka_unit_test_setup_teardown(an_empty_object_has_no_bytes, tree_setup, tree_teardown),
        cmocka_unit_test_setup_teardown(too_many_open_files_are_no_fault_of_an_object, tree_setup,
                                        tree_teardown),
        cmocka_unit_test_setup_teardown(an_object_must_fit_the_buffer, tree_setup, tree_teardown),
        cmocka_unit_test_setup_teardown(links_within_the_store_are_followed, tree_setup,
                                        tree_teardown),
        cmocka_unit_test_setup_teardown(links_out_of_the_store_are_refused_and_said_to_be,
                                        tree_setup, tree_teardown),
        cmocka_unit_test_setup_teardown(a_loop_of_links_ends, tree_setup, tree_teardown),
        cmocka_unit_test_setup_teardown(only_regular_files_are_objects, tree_setup, tree_teardown),
        cmocka_unit_test_setup_teardown(a_device_is_not_opened, tree_setup, tree_teardown),
        cmocka_unit_test_setup_teardown(an_unreadable_object_is_said_to_be, tree_setup,
                                        tree_teardown),
        cmocka_unit_test_setup_teardown(an_object_rewritten_while_read_is_whole_or_refused,
                                        tree_setup, tree_teardown),
        cmocka_unit_test_setup_teardown(an_object_that_grows_while_read_is_refused, tree_setup,
                                        tree_teardown),
        cmocka_unit_test_setup_teardown(a_reading_that_waits_for_the_disk_is_told_once_before,
                                        tree_setup, tree_teardown),
        cmocka_unit_test_setup_teardown(a_lease_of_a_file_server_is_waited_for, tree_setup,
                                        tree_teardown),
        cmocka_unit_test_setup_teardown(a_store_must_be_a_directory_that_can_be_opened, tree_setup,
                                        tree_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
