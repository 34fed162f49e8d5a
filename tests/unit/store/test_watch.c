/* SPDX-License-Identifier: Apache-2.0
 *
 * Watches: what wakes a waiting one, what does not, and that new directories are watched in turn.
 */
#include "tree.h"

#include <pthread.h>
#include <time.h>

#include "base/clock.h"
#include "store/dir/dir.h"

/* An event is there when the call that caused it returns. */
enum { SOON_MS = 2000, QUIET_MS = 30 };

static struct store_watch *watch_new(const struct tree *tree, const char *prefix)
{
    struct store_watch *watch = NULL;
    struct error error = {.message = ""};
    bool partial = true;
    int r = store_watch_new(tree->dir, prefix, NULL, &watch, &partial, &error);
    assert_string_equal(error.message, "");
    assert_int_equal(r, 0);
    assert_false(partial);
    return watch;
}

static void assert_told(struct store_watch *watch)
{
    assert_int_equal(store_watch_wait(watch, SOON_MS), 1);
    while (store_watch_wait(watch, 0) == 1) {
    }
}

static void assert_quiet(struct store_watch *watch)
{
    assert_int_equal(store_watch_wait(watch, QUIET_MS), 0);
}

static void write_file(const struct tree *tree, const char *key)
{
    char path[2048];
    assert_true(tree_make_way(tree, key));
    tree_write(tree_path(tree, key, path, sizeof path), "x", 1);
}

static void make_directory(const struct tree *tree, const char *key)
{
    char path[2048];
    assert_int_equal(mkdir(tree_path(tree, key, path, sizeof path), 0700), 0);
}

static void move(const struct tree *tree, const char *from, const char *to)
{
    char from_path[2048];
    char to_path[2048];
    assert_int_equal(rename(tree_path(tree, from, from_path, sizeof from_path),
                            tree_path(tree, to, to_path, sizeof to_path)),
                     0);
}

static void what_changes_an_object_is_told(void **state)
{
    struct tree *tree = *state;
    char path[2048];
    char other[2048];
    write_file(tree, "a/b/old.jpg");
    struct store_watch *watch = watch_new(tree, "");
    assert_quiet(watch);
    write_file(tree, "new.jpg");
    assert_told(watch);
    write_file(tree, "a/b/new.jpg");
    assert_told(watch);
    write_file(tree, "a/b/old.jpg");
    assert_told(watch);
    (void)tree_path(tree, "a/b/old.jpg", path, sizeof path);
    assert_int_equal(link(path, tree_path(tree, "a/link.jpg", other, sizeof other)), 0);
    assert_told(watch);
    assert_int_equal(chmod(path, 0640), 0);
    assert_told(watch);
    const struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 2}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    assert_told(watch);
    move(tree, "a/b/old.jpg", "a/renamed.jpg");
    assert_told(watch);
    assert_int_equal(unlink(other), 0);
    assert_told(watch);
    assert_quiet(watch);
    store_watch_free(watch);
}

static void reading_and_listing_are_not_told(void **state)
{
    struct tree *tree = *state;
    char bytes[16];
    size_t size = 0;
    struct identity identity;
    struct object_state now;
    struct store_page page;
    write_file(tree, "a/b.jpg");
    struct store_watch *watch = watch_new(tree, "");
    const struct store_list_query query = {.prefix = "", .limit = 10, .sizes = true};
    assert_int_equal(store_list(tree->dir, &query, &page, NULL), 0);
    store_page_done(&page);
    assert_int_equal(store_read(tree->dir, "a/b.jpg",
                                &(struct store_target){.bytes = bytes, .capacity = sizeof bytes},
                                &size, &identity, NULL),
                     0);
    assert_int_equal(store_stat(tree->dir, "a/b.jpg", &now, NULL), 0);
    assert_quiet(watch);
    store_watch_free(watch);
}

static void new_directories_are_watched_in_turn(void **state)
{
    struct tree *tree = *state;
    struct store_watch *watch = watch_new(tree, "");
    make_directory(tree, "a");
    assert_told(watch);
    make_directory(tree, "a/b");
    assert_told(watch);
    write_file(tree, "c/d/e/f/g.jpg"); /* created faster than they can be read */
    assert_told(watch);
    write_file(tree, "c/d/e/f/h.jpg");
    assert_told(watch);
    write_file(tree, "a/b/i.jpg");
    assert_told(watch);
    assert_quiet(watch);
    store_watch_free(watch);
}

static void a_directory_made_again_is_watched_again(void **state)
{
    struct tree *tree = *state;
    char path[2048];
    make_directory(tree, "a");
    struct store_watch *watch = watch_new(tree, "");
    for (int i = 0; i < 3; i++) { /* all in one queue */
        assert_int_equal(rmdir(tree_path(tree, "a", path, sizeof path)), 0);
        make_directory(tree, "a");
    }
    assert_told(watch);
    write_file(tree, "a/b.jpg");
    assert_told(watch);
    store_watch_free(watch);
}

static void a_prefix_is_watched_and_no_more(void **state)
{
    struct tree *tree = *state;
    write_file(tree, "a/x.jpg");
    write_file(tree, "a/im/x.jpg");
    write_file(tree, "b/x.jpg");
    struct store_watch *watch = watch_new(tree, "a/im");
    write_file(tree, "b/y.jpg");
    write_file(tree, "a/y.jpg");
    write_file(tree, "a/j/y.jpg");
    write_file(tree, "z.jpg");
    assert_quiet(watch);
    write_file(tree, "a/im/y.jpg");
    assert_told(watch);
    write_file(tree, "a/im1.jpg");
    assert_told(watch);
    write_file(tree, "a/images/1/x.jpg");
    assert_told(watch);
    write_file(tree, "a/images/1/y.jpg");
    assert_told(watch);
    assert_quiet(watch);
    store_watch_free(watch);
}

static void a_prefix_need_not_be_there_yet(void **state)
{
    struct tree *tree = *state;
    struct store_watch *watch = watch_new(tree, "a/b/c/");
    write_file(tree, "x.jpg");
    assert_quiet(watch);
    write_file(tree, "a/b/c/x.jpg");
    assert_told(watch);
    write_file(tree, "a/b/c/y.jpg");
    assert_told(watch);
    write_file(tree, "a/b/y.jpg");
    assert_quiet(watch);
    store_watch_free(watch);
}

static void a_directory_renamed_into_place_is_watched(void **state)
{
    struct tree *tree = *state;
    write_file(tree, "staging/set/1/x.jpg");
    struct store_watch *watch = watch_new(tree, "live/");
    make_directory(tree, "live");
    assert_told(watch);
    write_file(tree, "staging/set/1/y.jpg");
    assert_quiet(watch);
    move(tree, "staging/set", "live/set");
    assert_told(watch);
    write_file(tree, "live/set/1/z.jpg");
    assert_told(watch);
    move(tree, "live/set", "live/other"); /* within what is watched */
    assert_told(watch);
    write_file(tree, "live/other/1/w.jpg");
    assert_told(watch);
    make_directory(tree, "live/empty");
    assert_told(watch);
    move(tree, "live/other", "live/empty"); /* in place of another */
    assert_told(watch);
    write_file(tree, "live/empty/w.jpg");
    assert_told(watch);
    move(tree, "live/empty", "staging/done");
    assert_told(watch);
    write_file(tree, "staging/done/1/v.jpg");
    assert_quiet(watch);
    store_watch_free(watch);
}

static void links_are_not_followed(void **state)
{
    struct tree *tree = *state;
    char path[256];
    char outside[] = "/tmp/situ-outside-XXXXXX";
    assert_non_null(mkdtemp(outside));
    assert_int_equal(symlink(outside, tree_path(tree, "out", path, sizeof path)), 0);
    struct store_watch *watch = watch_new(tree, "");
    char file[300];
    (void)snprintf(file, sizeof file, "%s/x.jpg", outside);
    tree_write(file, "x", 1);
    assert_quiet(watch);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(rmdir(outside), 0);
    store_watch_free(watch);
}

static void a_tree_of_too_many_directories_is_watched_in_part(void **state)
{
    struct tree *tree = *state;
    struct store_watch *watch = NULL;
    bool partial = false;
    struct error error;
    for (unsigned i = 0; i < 20; i++) {
        char key[32];
        (void)snprintf(key, sizeof key, "%02u/x.jpg", i);
        write_file(tree, key);
    }
    dir_store(tree->dir)->watches_max = 21; /* just enough, with the root */
    assert_int_equal(store_watch_new(tree->dir, "", NULL, &watch, &partial, &error), 0);
    assert_false(partial);
    make_directory(tree, "20");
    assert_told(watch);
    assert_true(store_watch_is_partial(watch));
    store_watch_free(watch);

    dir_store(tree->dir)->watches_max = 5;
    assert_int_equal(store_watch_new(tree->dir, "", NULL, &watch, &partial, &error), 0);
    assert_true(partial);
    write_file(tree, "x.jpg");
    assert_told(watch);
    store_watch_free(watch);
}

static void a_queue_that_ran_over_loses_nothing_but_time(void **state)
{
    struct tree *tree = *state;
    unsigned long most = 0;
    FILE *file = fopen("/proc/sys/fs/inotify/max_queued_events", "re");
    if (!file || fscanf(file, "%lu", &most) != 1 || most > 100000) {
        print_message("# skipped: the kernel's queue is too long to fill\n");
        skip();
    }
    (void)fclose(file);
    make_directory(tree, "a");
    make_directory(tree, "b");
    struct store_watch *watch = watch_new(tree, "");
    char one[2048];
    char two[2048];
    write_file(tree, "a/x.jpg");
    (void)tree_path(tree, "a/x.jpg", one, sizeof one);
    (void)tree_path(tree, "b/x.jpg", two, sizeof two);
    for (unsigned long i = 0; i < most; i++) {
        assert_int_equal(i % 2 ? rename(two, one) : rename(one, two), 0);
    }
    write_file(tree, "c/d/x.jpg"); /* unseen */
    assert_told(watch);
    assert_quiet(watch);
    assert_false(store_watch_is_partial(watch));
    write_file(tree, "c/d/y.jpg");
    assert_told(watch);
    store_watch_free(watch);
}

struct canceller {
    struct store_watch *watch;
    unsigned after_us;
};

static void *cancel_soon(void *argument)
{
    const struct canceller *canceller = argument;
    (void)usleep(canceller->after_us);
    store_watch_cancel(canceller->watch);
    return NULL;
}

static void a_waiting_one_comes_back_when_cancelled(void **state)
{
    struct tree *tree = *state;
    pthread_t thread;
    struct canceller canceller = {.watch = watch_new(tree, ""), .after_us = 20000};
    int64_t begun_ns = clock_now_ns();
    assert_int_equal(pthread_create(&thread, NULL, cancel_soon, &canceller), 0);
    assert_int_equal(store_watch_wait(canceller.watch, -1), -ECANCELED);
    assert_true(clock_now_ns() - begun_ns < 5 * NS_PER_S);
    assert_int_equal(pthread_join(thread, NULL), 0);
    write_file(tree, "x.jpg");
    assert_int_equal(store_watch_wait(canceller.watch, 10), -ECANCELED);
    store_watch_free(canceller.watch);
}

static void a_wait_ends_in_time(void **state)
{
    struct store_watch *watch = watch_new(*state, "");
    int64_t begun_ns = clock_now_ns();
    assert_int_equal(store_watch_wait(watch, 50), 0);
    int64_t took_ms = (clock_now_ns() - begun_ns) / NS_PER_MS;
    assert_true(took_ms >= 50 && took_ms < 2000);
    assert_int_equal(store_watch_wait(watch, 0), 0);
    store_watch_free(watch);
}

static void what_cannot_be_watched_says_so(void **state)
{
    struct tree *tree = *state;
    struct store_watch *watch = NULL;
    bool partial = false;
    struct error error;
    char prefix[LIMIT_KEY_BYTES + 2];
    assert_true(store_watch_new(tree->mem, "", NULL, &watch, &partial, &error) < 0);
    assert_int_equal(error.code, ERROR_UNAVAILABLE);
    memset(prefix, 'p', sizeof prefix - 1);
    prefix[sizeof prefix - 1] = '\0';
    assert_true(store_watch_new(tree->dir, prefix, NULL, &watch, &partial, &error) < 0);
    assert_int_equal(error.code, ERROR_MALFORMED);
    store_watch_free(NULL);
}

int main(void)
{
#define WATCH_TEST(name) cmocka_unit_test_setup_teardown(name, tree_setup, tree_teardown)
    static const struct CMUnitTest tests[] = {
        WATCH_TEST(what_changes_an_object_is_told),
        WATCH_TEST(reading_and_listing_are_not_told),
        WATCH_TEST(new_directories_are_watched_in_turn),
        WATCH_TEST(a_directory_made_again_is_watched_again),
        WATCH_TEST(a_prefix_is_watched_and_no_more),
        WATCH_TEST(a_prefix_need_not_be_there_yet),
        WATCH_TEST(a_directory_renamed_into_place_is_watched),
        WATCH_TEST(links_are_not_followed),
        WATCH_TEST(a_tree_of_too_many_directories_is_watched_in_part),
        WATCH_TEST(a_queue_that_ran_over_loses_nothing_but_time),
        WATCH_TEST(a_waiting_one_comes_back_when_cancelled),
        WATCH_TEST(a_wait_ends_in_time),
        WATCH_TEST(what_cannot_be_watched_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
