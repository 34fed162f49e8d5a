/* SPDX-License-Identifier: Apache-2.0
 *
 * A directory that goes away and comes back: what is served meanwhile, and what is held open.
 */
#include "tree.h"

#include <dirent.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "store/dir/dir.h"
#include "store/place.h"

/* Checks run when the test requests them, except in the test of automatic checks. */
enum { NEVER_MS = 600000, SOON_MS = 20, PATIENCE_MS = 20000 };

struct fixture {
    struct tree tree;
    char path[128]; /* of the store */
    char away[128]; /* where its directory is put */
    struct store *store;
    atomic_uint changes;
};

static void count_change(void *context, struct store *store)
{
    struct fixture *fixture = context;
    (void)store;
    (void)atomic_fetch_add(&fixture->changes, 1);
}

/* Settings of a directory; borrowed from `path`. */
static struct store_settings of_path(char *path)
{
    return (struct store_settings){.backend = &dir_backend, .values = {path}};
}

static void set_path(struct fixture *fixture, char *path)
{
    struct store_settings settings = of_path(path);
    assert_int_equal(place_set_settings(fixture->store, &settings), 0);
}

static void open_place(struct fixture *fixture, bool filled, uint32_t look_ms)
{
    struct error error = {.message = ""};
    struct store_settings settings = of_path(fixture->path);
    struct place_options options = {.name = "photos",
                                    .settings = &settings,
                                    .filled = filled,
                                    .look_ms = look_ms,
                                    .changed = count_change,
                                    .context = fixture};
    assert_int_equal(place_new(&options, &fixture->store, &error), 0);
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    tree_open(&fixture->tree);
    (void)snprintf(fixture->path, sizeof fixture->path, "%s/photos", fixture->tree.root);
    (void)snprintf(fixture->away, sizeof fixture->away, "%s/away", fixture->tree.root);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    store_close(fixture->store);
    tree_close(&fixture->tree);
    free(fixture);
    return 0;
}

static void put(const struct fixture *fixture, const char *key, const char *text)
{
    char full[256];
    (void)snprintf(full, sizeof full, "photos/%s", key);
    tree_put(&fixture->tree, full, text);
}

static void go_away(const struct fixture *fixture)
{
    assert_int_equal(rename(fixture->path, fixture->away), 0);
}

static void come_back(const struct fixture *fixture)
{
    (void)rmdir(fixture->path);
    assert_int_equal(rename(fixture->away, fixture->path), 0);
}

static struct store_condition look(const struct fixture *fixture)
{
    struct store_condition condition;
    store_look(fixture->store, &condition);
    return condition;
}

/* The number of objects; or a negative errno. */
static int count(const struct fixture *fixture, struct error *error)
{
    struct store_page page;
    struct store_list_query query = {.prefix = "", .after = "", .limit = 100};
    int r = store_list(fixture->store, &query, &page, error);
    if (r < 0) {
        return r;
    }
    int found = (int)page.count;
    store_page_done(&page);
    return found;
}

static int read_text(const struct fixture *fixture, const char *key, char text[16],
                     struct error *error)
{
    struct identity identity;
    struct store_target target = {.bytes = text, .capacity = 15};
    size_t size = 0;
    int r = store_read(fixture->store, key, &target, &size, &identity, error);
    text[r == 0 ? size : 0] = '\0';
    return r;
}

/* Descriptors of this process that lead into the tree. */
static unsigned held_open(const struct fixture *fixture)
{
    unsigned held = 0;
    DIR *directory = opendir("/proc/self/fd");
    assert_non_null(directory);
    const struct dirent *entry = NULL;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): its own stream */
    while ((entry = readdir(directory))) {
        char target[PATH_MAX];
        ssize_t size = readlinkat(dirfd(directory), entry->d_name, target, sizeof target - 1);
        if (size > 0) {
            target[size] = '\0';
            held += strncmp(target, fixture->path, strlen(fixture->path)) == 0;
        }
    }
    assert_int_equal(closedir(directory), 0);
    return held;
}

static void assert_unavailable(const struct fixture *fixture, const char *reason)
{
    struct error error = {.message = ""};
    char text[16];
    assert_int_equal(count(fixture, &error), error_code_errno(ERROR_UNAVAILABLE));
    assert_int_equal(error.code, ERROR_UNAVAILABLE);
    assert_non_null(strstr(error.message, "store 'photos' is unavailable"));
    assert_non_null(strstr(error.message, reason));
    assert_true(read_text(fixture, "a.jpg", text, &error) < 0);
    assert_int_equal(error.code, ERROR_UNAVAILABLE);
}

/* ---- tests ---- */

static void a_missing_directory_is_served_when_it_comes(void **state)
{
    struct fixture *fixture = *state;
    open_place(fixture, false, NEVER_MS);
    assert_unavailable(fixture, "is not there");
    assert_false(look(fixture).available);
    put(fixture, "a.jpg", "aaa");
    struct store_condition condition = look(fixture);
    assert_true(condition.available);
    assert_int_equal(condition.generation, 1);
    assert_true(place_is_filled(fixture->store));
    assert_int_equal(count(fixture, NULL), 1);
}

static void looks_come_by_themselves(void **state)
{
    struct fixture *fixture = *state;
    struct store_condition condition = {0};
    open_place(fixture, false, SOON_MS);
    put(fixture, "a.jpg", "aaa");
    int64_t until_ns = clock_now_ns() + PATIENCE_MS * NS_PER_MS;
    while (!condition.available && clock_now_ns() < until_ns) {
        store_condition(fixture->store, &condition);
    }
    assert_true(condition.available);
}

static void an_empty_directory_in_its_place_is_not_an_empty_store(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, "a.jpg", "aaa");
    open_place(fixture, false, NEVER_MS);
    go_away(fixture);
    assert_int_equal(mkdir(fixture->path, 0700), 0);
    assert_int_equal(count(fixture, NULL), 1); /* the open root, until it is checked */
    assert_false(look(fixture).available);
    assert_unavailable(fixture, "it is empty, and was not");
    come_back(fixture);
    assert_true(look(fixture).available);
    assert_int_equal(count(fixture, NULL), 1);
}

static void an_emptied_store_is_noticed_by_the_listing_itself(void **state)
{
    struct fixture *fixture = *state;
    char path[256];
    put(fixture, "a.jpg", "aaa");
    open_place(fixture, false, NEVER_MS);
    assert_int_equal(unlink(tree_path(&fixture->tree, "photos/a.jpg", path, sizeof path)), 0);
    assert_unavailable(fixture, "it is empty, and was not");
}

static void an_empty_store_that_was_filled_before_the_start_is_unavailable(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {.message = ""};
    assert_int_equal(mkdir(fixture->path, 0700), 0);
    open_place(fixture, true, NEVER_MS);
    assert_unavailable(fixture, "it is empty, and was not");
    assert_int_equal(place_attach(fixture->store, false, &error), -EAGAIN);
    assert_int_equal(place_attach(fixture->store, true, &error), 0);
    assert_int_equal(count(fixture, NULL), 0);
    assert_false(place_is_filled(fixture->store));
    assert_true(look(fixture).cleared);
    put(fixture, "a.jpg", "aaa");
    assert_false(look(fixture).cleared);
}

static void an_empty_store_that_never_was_filled_is_empty(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(mkdir(fixture->path, 0700), 0);
    tree_put(&fixture->tree, "photos/lost+found/x", "x");
    open_place(fixture, false, NEVER_MS);
    assert_true(look(fixture).available);
    assert_false(place_is_filled(fixture->store));
}

static void another_directory_at_the_path_is_opened(void **state)
{
    struct fixture *fixture = *state;
    char text[16];
    put(fixture, "a.jpg", "old");
    open_place(fixture, false, NEVER_MS);
    go_away(fixture);
    put(fixture, "a.jpg", "new");
    uint64_t before = store_generation(fixture->store);
    assert_int_equal(look(fixture).generation, before + 1);
    assert_int_equal(store_generation(fixture->store), before + 1);
    assert_int_equal(read_text(fixture, "a.jpg", text, NULL), 0);
    assert_string_equal(text, "new");
    assert_int_equal(held_open(fixture), 1);
}

static void a_look_that_sees_nothing_new_tells_nothing(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, "a.jpg", "aaa");
    open_place(fixture, false, NEVER_MS);
    unsigned changes = atomic_load(&fixture->changes);
    (void)look(fixture);
    (void)look(fixture);
    assert_int_equal(atomic_load(&fixture->changes), changes);
    go_away(fixture);
    (void)look(fixture);
    (void)look(fixture);
    assert_int_equal(atomic_load(&fixture->changes), changes + 1);
}

static void a_detached_store_holds_nothing_open(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {.message = ""};
    struct store_watch *watch = NULL;
    bool partial = true;
    put(fixture, "a.jpg", "aaa");
    open_place(fixture, false, SOON_MS);
    assert_int_equal(store_watch_new(fixture->store, "", NULL, &watch, &partial, NULL), 0);
    assert_true(held_open(fixture) >= 1);
    assert_int_equal(place_detach(fixture->store, &error), 0);
    assert_int_equal(held_open(fixture), 0);
    assert_unavailable(fixture, "detached");
    assert_true(look(fixture).detached);
    assert_int_equal(store_watch_wait(watch, INT64_C(3) * SOON_MS), 0);
    assert_int_equal(held_open(fixture), 0);
    assert_int_equal(place_detach(fixture->store, &error), 0);
    assert_int_equal(place_attach(fixture->store, false, &error), 0);
    assert_int_equal(count(fixture, NULL), 1);
    assert_int_equal(store_watch_wait(watch, PATIENCE_MS), 1);
    store_watch_free(watch);
}

static void another_path_is_served_from_now_on(void **state)
{
    struct fixture *fixture = *state;
    char other[160];
    put(fixture, "a.jpg", "aaa");
    open_place(fixture, false, NEVER_MS);
    (void)snprintf(other, sizeof other, "%s/other", fixture->tree.root);
    assert_int_equal(mkdir(other, 0700), 0);
    set_path(fixture, other);
    assert_int_equal(count(fixture, NULL), 0); /* it is empty, and nothing else identifies it */
    assert_int_equal(held_open(fixture), 0);
    tree_put(&fixture->tree, "other/b.jpg", "bbb");
    assert_int_equal(count(fixture, NULL), 1);
    set_path(fixture, fixture->away);
    assert_unavailable(fixture, "is not there");
}

static void a_retired_store_is_detached_when_its_time_has_come(void **state)
{
    struct fixture *fixture = *state;
    struct store_condition condition = {.available = true};
    put(fixture, "a.jpg", "aaa");
    open_place(fixture, false, NEVER_MS);
    place_retire(fixture->store, NEVER_MS);
    assert_int_equal(place_attach(fixture->store, false, NULL), 0); /* not any more */
    assert_int_equal(count(fixture, NULL), 1);
    place_retire(fixture->store, SOON_MS);
    int64_t until_ns = clock_now_ns() + PATIENCE_MS * NS_PER_MS;
    while (condition.available && clock_now_ns() < until_ns) {
        store_condition(fixture->store, &condition);
    }
    assert_true(condition.detached);
    while (held_open(fixture) > 0 && clock_now_ns() < until_ns) {
    }
    assert_int_equal(held_open(fixture), 0);
}

/* ---- watches ---- */

struct waiter {
    struct store_watch *watch;
    pthread_t thread;
    int result;
};

static void *wait_long(void *context)
{
    struct waiter *waiter = context;
    waiter->result = store_watch_wait(waiter->watch, PATIENCE_MS);
    return NULL;
}

static void a_waiting_watch_reports_another_root_and_watches_it(void **state)
{
    struct fixture *fixture = *state;
    struct waiter waiter = {.result = -1};
    bool partial = true;
    put(fixture, "a.jpg", "aaa");
    open_place(fixture, false, NEVER_MS);
    assert_int_equal(store_watch_new(fixture->store, "", NULL, &waiter.watch, &partial, NULL), 0);
    assert_false(partial);
    assert_int_equal(pthread_create(&waiter.thread, NULL, wait_long, &waiter), 0);
    go_away(fixture);
    put(fixture, "b.jpg", "bbb");
    (void)look(fixture);
    assert_int_equal(pthread_join(waiter.thread, NULL), 0);
    assert_int_equal(waiter.result, 1);
    while (store_watch_wait(waiter.watch, 0) ==
           1) { /* the new root, which is watched from now on */
    }
    put(fixture, "c.jpg", "ccc");
    assert_int_equal(store_watch_wait(waiter.watch, PATIENCE_MS), 1);
    store_watch_free(waiter.watch);
}

static void a_watch_without_a_root_can_be_cancelled(void **state)
{
    struct fixture *fixture = *state;
    struct waiter waiter = {.result = 0};
    bool partial = false;
    open_place(fixture, false, NEVER_MS);
    assert_int_equal(store_watch_new(fixture->store, "", NULL, &waiter.watch, &partial, NULL), 0);
    assert_true(partial);
    assert_int_equal(pthread_create(&waiter.thread, NULL, wait_long, &waiter), 0);
    store_watch_cancel(waiter.watch);
    assert_int_equal(pthread_join(waiter.thread, NULL), 0);
    assert_int_equal(waiter.result, -ECANCELED);
    store_watch_free(waiter.watch);
}

/* ---- under load ---- */

struct reader {
    struct fixture *fixture;
    atomic_bool stop;
    unsigned reads;
    unsigned refused;
    unsigned wrong;
};

static void *read_all_the_time(void *context)
{
    struct reader *reader = context;
    while (!atomic_load(&reader->stop)) {
        struct error error = {.code = ERROR_NONE};
        char text[16];
        int r = read_text(reader->fixture, "a.jpg", text, &error);
        reader->reads++;
        if (r < 0) {
            reader->refused += error.code == ERROR_UNAVAILABLE;
            reader->wrong += error.code != ERROR_UNAVAILABLE;
        } else {
            reader->wrong += strcmp(text, "aaa") != 0;
        }
        r = count(reader->fixture, &error);
        reader->wrong += r < 0 ? error.code != ERROR_UNAVAILABLE : r != 1;
    }
    return NULL;
}

static void calls_under_way_are_not_cut_by_a_change_of_roots(void **state)
{
    struct fixture *fixture = *state;
    struct reader readers[3];
    pthread_t threads[3];
    put(fixture, "a.jpg", "aaa");
    open_place(fixture, false, 1);
    for (unsigned i = 0; i < 3; i++) {
        readers[i] = (struct reader){.fixture = fixture};
        atomic_init(&readers[i].stop, false);
        assert_int_equal(pthread_create(&threads[i], NULL, read_all_the_time, &readers[i]), 0);
    }
    for (unsigned round = 0; round < 200; round++) {
        struct error error = {.message = ""};
        assert_int_equal(place_detach(fixture->store, &error), 0);
        assert_int_equal(held_open(fixture), 0);
        assert_int_equal(place_attach(fixture->store, false, &error), 0);
    }
    for (unsigned i = 0; i < 3; i++) {
        atomic_store(&readers[i].stop, true);
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(readers[i].wrong, 0);
        assert_true(readers[i].reads > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_missing_directory_is_served_when_it_comes, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(looks_come_by_themselves, setup, teardown),
        cmocka_unit_test_setup_teardown(an_empty_directory_in_its_place_is_not_an_empty_store,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(an_emptied_store_is_noticed_by_the_listing_itself, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            an_empty_store_that_was_filled_before_the_start_is_unavailable, setup, teardown),
        cmocka_unit_test_setup_teardown(an_empty_store_that_never_was_filled_is_empty, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(another_directory_at_the_path_is_opened, setup, teardown),
        cmocka_unit_test_setup_teardown(a_look_that_sees_nothing_new_tells_nothing, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_detached_store_holds_nothing_open, setup, teardown),
        cmocka_unit_test_setup_teardown(another_path_is_served_from_now_on, setup, teardown),
        cmocka_unit_test_setup_teardown(a_retired_store_is_detached_when_its_time_has_come, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_waiting_watch_reports_another_root_and_watches_it, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_watch_without_a_root_can_be_cancelled, setup, teardown),
        cmocka_unit_test_setup_teardown(calls_under_way_are_not_cut_by_a_change_of_roots, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
