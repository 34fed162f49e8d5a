/* SPDX-License-Identifier: Apache-2.0
 *
 * What a job selects: all of it, in order, once, wherever it is begun and whatever fails in
 * between.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <cmocka.h>

#include "disk_fixture.h"
#include "jobs/job_selection.h"
#include "store/backend.h"
#include "store/mem/mem.h"

/* ---- a store that has as many keys as are wanted, and fails when it is told to ---- */

struct fake_store {
    struct store base;
    uint32_t count;     /* keys "00000000.jpg" and so on */
    uint32_t flawed;    /* each so many-th key is no UTF-8; 0: none */
    uint32_t fail_from; /* a page that begins there fails, while `failures` are left */
    unsigned failures;
    unsigned lists;
    char prefix[64]; /* as asked for the last time */
};

enum { FAKE_KEY = 16 };

static void fake_key(const struct fake_store *fake, uint32_t number, char key[FAKE_KEY])
{
    bool flawed = fake->flawed > 0 && number % fake->flawed == fake->flawed - 1;
    (void)snprintf(key, FAKE_KEY, "%08u%s.jpg", number, flawed ? "\xe9" : "");
}

static int fake_list(struct store *store, const struct store_list_query *query,
                     struct store_page *ret_page, struct error *error)
{
    struct fake_store *fake = (struct fake_store *)(void *)store;
    uint32_t first = query->after[0] ? (uint32_t)strtoul(query->after, NULL, 10) + 1 : 0;
    assert_true(query->flawed && query->images_only);
    fake->lists++;
    (void)snprintf(fake->prefix, sizeof fake->prefix, "%s", query->prefix);
    if (first >= fake->fail_from && fake->failures > 0) {
        fake->failures--;
        return error_set(error, ERROR_UNREADABLE, "no");
    }
    uint32_t left = first < fake->count ? fake->count - first : 0;
    uint32_t count = left < query->limit ? left : (uint32_t)query->limit;
    struct store_page page = {.count = count, .more = count < left};
    page.entries = calloc(count + 1, sizeof *page.entries + FAKE_KEY);
    assert_non_null(page.entries);
    page.memory = page.entries;
    char *keys = (char *)(page.entries + count + 1);
    for (uint32_t i = 0; i < count; i++) {
        fake_key(fake, first + i, keys + (size_t)i * FAKE_KEY);
        page.entries[i].key = keys + (size_t)i * FAKE_KEY;
        page.entries[i].flawed = strchr(page.entries[i].key, '\xe9') != NULL;
    }
    *ret_page = page;
    return 0;
}

static void fake_close(struct store *store)
{
    (void)store;
}

static const struct store_backend fake_backend = {
    .name = "fake", .list = fake_list, .close = fake_close};

/* ---- a host with two stores ---- */

struct stores {
    struct disk_fixture *disk;
    struct store *mem;
    struct fake_store fake;
    struct jobs_host host;
};

static struct store *store_find(void *context, const char *name, size_t length, struct error *error)
{
    struct stores *stores = context;
    if (length == 3 && memcmp(name, "mem", 3) == 0) {
        return stores->mem;
    }
    if (length == 4 && memcmp(name, "fake", 4) == 0) {
        return &stores->fake.base;
    }
    (void)error_set(error, ERROR_NOT_FOUND, "no store '%.*s'", (int)length, name);
    return NULL;
}

static int setup(void **state)
{
    void *disk;
    struct stores *stores = calloc(1, sizeof *stores);
    if (!stores || disk_setup(&disk) < 0 || store_mem_new(&stores->mem) < 0) {
        return -1;
    }
    stores->disk = disk;
    stores->fake.base.backend = &fake_backend;
    stores->host = (struct jobs_host){.context = stores, .store_find = store_find};
    *state = stores;
    return 0;
}

static int teardown(void **state)
{
    struct stores *stores = *state;
    void *disk = stores->disk;
    store_close(stores->mem);
    free(stores);
    return disk_teardown(&disk);
}

static struct job_spec spec_of(const char *store, const char *prefix, const char *glob)
{
    /* Selections only read it. */
    return (struct job_spec){.select.store = (char *)(uintptr_t)store,
                             .select.prefix = (char *)(uintptr_t)prefix,
                             .select.glob = (char *)(uintptr_t)glob};
}

static void put(struct stores *stores, const char *key)
{
    assert_int_equal(store_mem_put(stores->mem, key, "x", 1), 0);
}

/* Keys in their order: a third are no images. */
static void fill(struct stores *stores, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char key[64];
        (void)snprintf(key, sizeof key, "%s/%06u.%s", i % 2 == 0 ? "a" : "b", i,
                       i % 3 == 0   ? "txt"
                       : i % 3 == 1 ? "jpg"
                                    : "png");
        put(stores, key);
    }
}

static struct job_selection *begin(struct stores *stores, const struct job_spec *spec,
                                   const char *after)
{
    struct job_selection *selection;
    assert_int_equal(job_selection_new(spec, &stores->host, NULL, after, 0, &selection, NULL), 0);
    return selection;
}

/* All keys from `after` on, each with a line feed; the caller frees them. */
static char *all_keys(struct stores *stores, const struct job_spec *spec, const char *after,
                      uint64_t *ret_count)
{
    struct job_selection *selection = begin(stores, spec, after);
    struct buffer keys = BUFFER_INIT;
    struct selected selected;
    uint64_t count = 0;
    uint64_t left = 0;
    bool last = false;
    int r;
    while ((r = job_selection_next(selection, &selected, NULL)) > 0) {
        assert_int_equal(selected.fault.code, ERROR_NONE);
        assert_false(selected.flawed);
        assert_true(selected.store == stores->mem);
        assert_int_equal(strncmp(selected.object, "mem/", 4), 0);
        assert_ptr_equal(selected.key, selected.object + 4);
        buffer_append_text(&keys, selected.key);
        buffer_append_char(&keys, '\n');
        count++;
        assert_true(!last || left > 0);
        uint64_t before = left;
        bool was_last = last;
        last = job_selection_is_last_page(selection, &left);
        assert_true(!was_last || (last && left == before - 1));
    }
    assert_int_equal(r, 0);
    assert_int_equal(job_selection_next(selection, &selected, NULL), 0);
    assert_true(job_selection_is_last_page(selection, &left));
    assert_int_equal(left, 0);
    job_selection_free(selection);
    *ret_count = count;
    char *text = strdup(buffer_text(&keys));
    buffer_done(&keys);
    return text;
}

static void selects(struct stores *stores, const char *prefix, const char *glob, uint64_t wanted,
                    const char *wanted_keys)
{
    struct job_spec spec = spec_of("mem", prefix, glob);
    uint64_t count;
    uint64_t counted;
    struct left_out skipped;
    char *keys = all_keys(stores, &spec, NULL, &count);
    assert_int_equal(count, wanted);
    if (wanted_keys) {
        assert_string_equal(keys, wanted_keys);
    }
    assert_int_equal(
        job_selection_count(&spec, &stores->host, NULL, NULL, &counted, &skipped, NULL), 0);
    assert_int_equal(counted, wanted);
    free(keys);
}

static void prefix_and_glob_select(void **state)
{
    struct stores *stores = *state;
    selects(stores, "", NULL, 0, "");
    fill(stores, 6000);
    put(stores, "a.jpg");
    put(stores, "a/sub/x.jpg");
    selects(stores, "", NULL, 4002, NULL);
    selects(stores, "a/", NULL, 2001, NULL);
    selects(stores, "a", NULL, 2002, NULL);
    selects(stores, "", "*.jpg", 2002, NULL);
    selects(stores, "a/", "*.jpg", 1001, NULL);
    selects(stores, "a/", "b/*.jpg", 0, "");
    selects(stores, "a/0000", "a/*.jpg", 16, NULL);
    selects(stores, "", "a/**.jpg", 1001, NULL);
    selects(stores, "", "?/00000?.jpg", 3, "a/000004.jpg\nb/000001.jpg\nb/000007.jpg\n");
    selects(stores, "b/00000", "b/0*[17].jpg", 2, "b/000001.jpg\nb/000007.jpg\n");
    selects(stores, "a/sub/x", "a/*/*", 1, "a/sub/x.jpg\n");
    selects(stores, "", "nothing*", 0, "");
}

static void files_of_no_image_are_counted(void **state)
{
    struct stores *stores = *state;
    fill(stores, 6000);
    struct job_spec spec = spec_of("mem", "a/", "*.jpg");
    uint64_t count;
    struct left_out skipped;
    assert_int_equal(job_selection_count(&spec, &stores->host, NULL, NULL, &count, &skipped, NULL),
                     0);
    assert_int_equal(count, 1000);
    assert_int_equal(skipped.skipped, 1000);
    struct job_selection *selection = begin(stores, &spec, NULL);
    struct selected selected;
    assert_int_equal(job_selection_left_out(selection).skipped, 0);
    while (job_selection_next(selection, &selected, NULL) > 0) {
    }
    assert_int_equal(job_selection_left_out(selection).skipped, 1000);
    job_selection_free(selection);
    job_selection_free(NULL);
}

static void a_listing_goes_on_behind_any_key(void **state)
{
    struct stores *stores = *state;
    fill(stores, 4000);
    struct job_spec spec = spec_of("mem", "", "*.jpg");
    uint64_t count;
    uint64_t rest_count;
    char *keys = all_keys(stores, &spec, NULL, &count);
    unsigned at = 0;
    for (char *key = keys; *key; key = strchr(key, '\n') + 1) {
        if (at++ % 97 == 0 || at == count) {
            char after[64] = "";
            const char *behind = strchr(key, '\n') + 1;
            memcpy(after, key, (size_t)(behind - 1 - key));
            char *rest = all_keys(stores, &spec, after, &rest_count);
            assert_string_equal(rest, behind);
            assert_int_equal(rest_count, count - at);
            free(rest);
        }
    }
    char *rest = all_keys(stores, &spec, "a/000001.not-there", &rest_count);
    assert_string_equal(rest, keys);
    free(rest);
    rest = all_keys(stores, &spec, "z", &rest_count);
    assert_string_equal(rest, "");
    free(rest);
    free(keys);
}

static void the_beginning_of_a_glob_narrows_the_listing(void **state)
{
    struct stores *stores = *state;
    struct selected selected;
    static const char *const cases[][3] = {
        {"", "2024/0*/x", "2024/0"},
        {"2024/", "2024/0*", "2024/0"},
        {"2024/07", "2024/*", "2024/07"},
        {"x", "*.jpg", "x"},
        {"x", "y*", "x"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct job_spec spec = spec_of("fake", cases[i][0], cases[i][1]);
        struct job_selection *selection = begin(stores, &spec, NULL);
        assert_int_equal(job_selection_next(selection, &selected, NULL), 0);
        assert_string_equal(stores->fake.prefix, cases[i][2]);
        job_selection_free(selection);
    }
    /* No key begins with both: nothing needs to be listed. */
    unsigned lists = stores->fake.lists;
    uint64_t left = 1;
    struct job_spec spec = spec_of("fake", "2024/", "2023/*");
    struct job_selection *selection = begin(stores, &spec, NULL);
    assert_int_equal(job_selection_next(selection, &selected, NULL), 0);
    assert_true(job_selection_is_last_page(selection, &left));
    assert_int_equal(left, 0);
    assert_int_equal(stores->fake.lists, lists);
    job_selection_free(selection);
}

static void names_that_are_no_keys_come_with_their_fault(void **state)
{
    struct stores *stores = *state;
    struct selected selected;
    char wanted[32] = "fake/";
    stores->fake.count = 2500;
    stores->fake.flawed = 10;
    struct job_spec spec = spec_of("fake", "", "0*.jpg");
    struct job_selection *selection = begin(stores, &spec, NULL);
    for (uint32_t i = 0; i < 2500; i++) {
        assert_int_equal(job_selection_next(selection, &selected, NULL), 1);
        fake_key(&stores->fake, i, wanted + 5);
        assert_string_equal(selected.object, wanted);
        assert_int_equal(selected.flawed, i % 10 == 9);
        assert_int_equal(selected.fault.code, i % 10 == 9 ? ERROR_MALFORMED : ERROR_NONE);
        assert_int_equal(selected.key == NULL, i % 10 == 9);
        assert_int_equal(selected.store == NULL, i % 10 == 9);
    }
    assert_int_equal(job_selection_next(selection, &selected, NULL), 0);
    job_selection_free(selection);

    selection = begin(stores, &spec, "00001009\xe9.jpg"); /* which may be the last one, too */
    assert_int_equal(job_selection_next(selection, &selected, NULL), 1);
    assert_string_equal(selected.object, "fake/00001010.jpg");
    job_selection_free(selection);
}

static void a_listing_that_fails_may_be_asked_again(void **state)
{
    struct stores *stores = *state;
    struct selected selected;
    char wanted[32] = "fake/";
    stores->fake.count = 5000;
    stores->fake.fail_from = 2000;
    stores->fake.failures = 3;
    struct job_spec spec = spec_of("fake", "", NULL);
    struct job_selection *selection = begin(stores, &spec, NULL);
    unsigned failures = 0;
    uint32_t next = 0;
    for (;;) {
        struct error error = {0};
        int r = job_selection_next(selection, &selected, &error);
        if (r == 0) {
            break;
        }
        if (r < 0) {
            assert_int_equal(r, error_code_errno(ERROR_UNREADABLE));
            assert_int_equal(error.code, ERROR_UNREADABLE);
            assert_int_equal(next, 2000);
            failures++;
            continue;
        }
        fake_key(&stores->fake, next++, wanted + 5);
        assert_string_equal(selected.object, wanted);
    }
    assert_int_equal(next, 5000);
    assert_int_equal(failures, 3);
    job_selection_free(selection);
}

static void a_flag_stops_a_long_listing(void **state)
{
    struct stores *stores = *state;
    struct selected selected;
    atomic_bool stop;
    uint64_t count;
    struct left_out skipped;
    atomic_init(&stop, true);
    stores->fake.count = 5000;
    struct job_spec spec = spec_of("fake", "", NULL);
    assert_int_equal(job_selection_count(&spec, &stores->host, NULL, &stop, &count, &skipped, NULL),
                     -ECANCELED);
    struct job_selection *selection = begin(stores, &spec, NULL);
    job_selection_stop_on(selection, &stop);
    assert_int_equal(job_selection_next(selection, &selected, NULL), -ECANCELED);
    atomic_store(&stop, false);
    assert_int_equal(job_selection_next(selection, &selected, NULL), 1);
    assert_string_equal(selected.key, "00000000.jpg");
    job_selection_free(selection);
}

static void what_cannot_be_selected_is_told(void **state)
{
    struct stores *stores = *state;
    struct job_selection *selection;
    struct error error = {0};
    uint64_t count;
    struct left_out skipped;
    struct job_spec spec = spec_of("nowhere", "", NULL);
    assert_int_equal(job_selection_new(&spec, &stores->host, NULL, NULL, 0, &selection, &error),
                     error_code_errno(ERROR_NOT_FOUND));
    assert_int_equal(error.code, ERROR_NOT_FOUND);
    spec = spec_of("mem", "", "");
    assert_int_equal(job_selection_new(&spec, &stores->host, NULL, NULL, 0, &selection, &error),
                     error_code_errno(ERROR_MALFORMED));
    spec = spec_of(NULL, "", NULL);
    assert_int_equal(job_selection_new(&spec, &stores->host, NULL, NULL, 0, &selection, &error),
                     error_code_errno(ERROR_MALFORMED));
    assert_int_equal(job_selection_count(&spec, &stores->host, "/tmp/situ-jobs-no-such-file", NULL,
                                         &count, &skipped, &error),
                     error_code_errno(ERROR_IO));
}

/* ---- lists of names ---- */

static void next_is(struct job_selection *selection, const char *object, const char *key,
                    enum error_code code, bool flawed)
{
    struct selected selected;
    assert_int_equal(job_selection_next(selection, &selected, NULL), 1);
    assert_string_equal(selected.object, object);
    assert_int_equal(selected.fault.code, code);
    assert_int_equal(selected.flawed, flawed);
    assert_int_equal(selected.store == NULL, key == NULL);
    if (key) {
        assert_string_equal(selected.key, key);
        assert_true(selected.key > selected.object &&
                    selected.key < selected.object + strlen(object));
    } else {
        assert_null(selected.key);
    }
}

static struct job_selection *begin_list(struct stores *stores, const char *store, const char *names,
                                        uint64_t position)
{
    struct job_selection *selection;
    struct job_spec spec = spec_of(store, "", NULL);
    spec.has_keys = true;
    if (names) {
        disk_write(stores->disk->path, names, strlen(names));
    }
    assert_int_equal(job_selection_new(&spec, &stores->host, stores->disk->path, NULL, position,
                                       &selection, NULL),
                     0);
    return selection;
}

static void names_with_their_store(void **state)
{
    struct stores *stores = *state;
    struct selected selected;
    struct job_selection *selection =
        begin_list(stores, NULL,
                   "mem/b.jpg\nfake/a/x.txt\nnowhere/a\nnoslash\nmem/\n"
                   "mem//a\nmem/../a\nmem/caf\xe9\n\xff/a\n\xff\n/a\n"
                   "mem/b.jpg\n",
                   0);
    uint64_t left;
    next_is(selection, "mem/b.jpg", "b.jpg", ERROR_NONE, false);
    assert_true(job_selection_is_last_page(selection, &left));
    assert_int_equal(left, 11);
    next_is(selection, "fake/a/x.txt", "a/x.txt", ERROR_NONE, false);
    next_is(selection, "nowhere/a", NULL, ERROR_NOT_FOUND, false);
    next_is(selection, "noslash", NULL, ERROR_MALFORMED, false);
    next_is(selection, "mem/", NULL, ERROR_MALFORMED, false);
    next_is(selection, "mem//a", NULL, ERROR_MALFORMED, false);
    next_is(selection, "mem/../a", NULL, ERROR_MALFORMED, false);
    next_is(selection, "mem/caf\xe9", "caf\xe9", ERROR_NONE, false);
    next_is(selection, "\xff/a", NULL, ERROR_NOT_FOUND, false);
    next_is(selection, "\xff", NULL, ERROR_MALFORMED, false);
    next_is(selection, "/a", NULL, ERROR_NOT_FOUND, false);
    next_is(selection, "mem/b.jpg", "b.jpg", ERROR_NONE, false); /* as often as it stands there */
    assert_int_equal(job_selection_next(selection, &selected, NULL), 0);
    assert_int_equal(job_selection_left_out(selection).skipped, 0);
    job_selection_free(selection);

    selection = begin_list(stores, NULL, NULL, 10);
    next_is(selection, "/a", NULL, ERROR_NOT_FOUND, false);
    job_selection_free(selection);
}

static void names_beneath_a_store(void **state)
{
    struct stores *stores = *state;
    struct selected selected;
    uint64_t count;
    struct left_out skipped = {.skipped = 1};
    struct job_selection *selection =
        begin_list(stores, "mem", "b.jpg\nmem/a\n../x\ncaf\xe9\na\tb\n", 0);
    next_is(selection, "mem/b.jpg", "b.jpg", ERROR_NONE, false);
    next_is(selection, "mem/mem/a", "mem/a", ERROR_NONE, false);
    next_is(selection, "mem/../x", NULL, ERROR_MALFORMED, false);
    next_is(selection, "mem/caf\xe9", "caf\xe9", ERROR_NONE, false);
    next_is(selection, "mem/a\tb", "a\tb", ERROR_NONE, false);
    assert_int_equal(job_selection_next(selection, &selected, NULL), 0);
    job_selection_free(selection);
    struct job_spec spec = spec_of("mem", "", NULL);
    assert_int_equal(
        job_selection_count(&spec, &stores->host, stores->disk->path, NULL, &count, &skipped, NULL),
        0);
    assert_int_equal(count, 5);
    assert_int_equal(left_out_sum(&skipped), 0);

    char names[LIMIT_KEY_BYTES + LIMIT_STORE_NAME + 2];
    char object[sizeof names + 4] = "mem/";
    for (size_t size = LIMIT_KEY_BYTES; size < sizeof names; size += 65) {
        memset(names, 'k', size);
        names[size] = '\0';
        memcpy(object + 4, names, size + 1);
        names[size] = '\n';
        disk_write(stores->disk->path, names, size + 1);
        selection = begin_list(stores, "mem", NULL, 0);
        bool fits = size == LIMIT_KEY_BYTES;
        next_is(selection, object, fits ? object + 4 : NULL, fits ? ERROR_NONE : ERROR_MALFORMED,
                !fits);
        job_selection_free(selection);
    }
}

/* ---- large ones ---- */

static double cpu_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void millions_of_keys_take_the_memory_of_a_page(void **state)
{
    struct stores *stores = *state;
    struct selected selected;
    struct rusage before;
    struct rusage after;
    uint64_t count = 0;
    stores->fake.count = 2000000;
    struct job_spec spec = spec_of("fake", "", "*[02468].jpg");
    struct job_selection *selection = begin(stores, &spec, NULL);
    assert_int_equal(job_selection_next(selection, &selected, NULL), 1);
    (void)getrusage(RUSAGE_SELF, &before);
    double begun = cpu_s();
    while (job_selection_next(selection, &selected, NULL) > 0) {
        count++;
    }
    double took = cpu_s() - begun;
    (void)getrusage(RUSAGE_SELF, &after);
    assert_int_equal(count, 999999);
    print_message("# 2,000,000 keys through a glob in %.3f s of CPU\n", took);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    assert_true(after.ru_maxrss - before.ru_maxrss < 4096); /* kB */
#endif
    job_selection_free(selection);
}

#define SELECTION_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        SELECTION_TEST(prefix_and_glob_select),
        SELECTION_TEST(files_of_no_image_are_counted),
        SELECTION_TEST(a_listing_goes_on_behind_any_key),
        SELECTION_TEST(the_beginning_of_a_glob_narrows_the_listing),
        SELECTION_TEST(names_that_are_no_keys_come_with_their_fault),
        SELECTION_TEST(a_listing_that_fails_may_be_asked_again),
        SELECTION_TEST(a_flag_stops_a_long_listing),
        SELECTION_TEST(what_cannot_be_selected_is_told),
        SELECTION_TEST(names_with_their_store),
        SELECTION_TEST(names_beneath_a_store),
        SELECTION_TEST(millions_of_keys_take_the_memory_of_a_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
