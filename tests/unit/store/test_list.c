/* SPDX-License-Identifier: Apache-2.0
 *
 * Listings compared with a plain sorted array: order, paging with every page size, prefixes,
 * directories too large to sort at once, and trees that change between pages.
 */
#include "data/key.h"
#include "tree.h"

#include <pthread.h>
#include <time.h>

#include "store/dir/dir.h"

enum { KEYS_MAX = 4096 };

/* What should be listed: keys in order. */
struct reference {
    char *keys[KEYS_MAX]; /* owned */
    size_t count;
};

static int compare_keys(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static void reference_add(struct reference *reference, const char *key)
{
    assert_true(reference->count < KEYS_MAX);
    reference->keys[reference->count] = strdup(key);
    assert_non_null(reference->keys[reference->count++]);
    qsort(reference->keys, reference->count, sizeof reference->keys[0], compare_keys);
}

static void reference_done(struct reference *reference)
{
    for (size_t i = 0; i < reference->count; i++) {
        free(reference->keys[i]);
    }
    reference->count = 0;
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* Lists all of it in pages and compares it with the reference's keys after `after`. */
static void check_list(struct store *store, const struct reference *reference,
                       const struct store_list_query *query)
{
    struct store_list_query q = *query;
    char after[LIMIT_KEY_BYTES + 1] = "";
    size_t at = 0;
    (void)snprintf(after, sizeof after, "%s", query->after);
    for (bool more = true; more;) {
        struct store_page page;
        struct error error = {.message = ""};
        q.after = after;
        int r = store_list(store, &q, &page, &error);
        assert_string_equal(error.message, "");
        assert_int_equal(r, 0);
        assert_true(page.count <= q.limit);
        assert_true(!page.more || page.count == q.limit);
        for (size_t i = 0; i < page.count; i++, at++) {
            while (at < reference->count &&
                   (strcmp(reference->keys[at], query->after) <= 0 ||
                    strncmp(reference->keys[at], q.prefix, strlen(q.prefix)) != 0)) {
                at++;
            }
            assert_true(at < reference->count);
            assert_string_equal(page.entries[i].key, reference->keys[at]);
        }
        if (page.count > 0) {
            (void)snprintf(after, sizeof after, "%s", page.entries[page.count - 1].key);
        }
        more = page.more;
        store_page_done(&page);
    }
    for (; at < reference->count; at++) {
        assert_true(strcmp(reference->keys[at], query->after) <= 0 ||
                    strncmp(reference->keys[at], q.prefix, strlen(q.prefix)) != 0);
    }
}

static void put(const struct tree *tree, struct reference *reference, const char *key)
{
    tree_put(tree, key, key);
    reference_add(reference, key);
}

static void directories_sort_as_their_name_with_a_slash(void **state)
{
    struct tree *tree = *state;
    struct reference reference = {.count = 0};
    static const char *const keys[] = {"a-1.jpg", "a.d/x.jpg", "a.jpg",    "a/x.jpg",
                                       "a0.jpg",  "A",         "\xc3\xa4", "a/-/b"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        put(tree, &reference, keys[i]);
    }
    assert_string_equal(reference.keys[1], "a-1.jpg");
    assert_string_equal(reference.keys[2], "a.d/x.jpg");
    assert_string_equal(reference.keys[3], "a.jpg");
    assert_string_equal(reference.keys[4], "a/-/b");
    for (int dir = 0; dir < 2; dir++) {
        for (size_t limit = 1; limit < 10; limit++) {
            const struct store_list_query query = {.prefix = "", .after = "", .limit = limit};
            check_list(tree_store(tree, dir), &reference, &query);
        }
    }
    reference_done(&reference);
}

/* A key of up to four components out of few names that sort in awkward ways. */
static void random_key(char *key, size_t size, uint32_t *seed)
{
    static const char *const names[] = {"a",   "a-",       "a.", "a.d", "a0", "b",     "ab",
                                        "a b", "\xc3\xa4", "~",  "!",   "-",  "a.jpg", ".h"};
    size_t used = 0;
    uint32_t depth = 1 + next_random(seed) % 4;
    for (uint32_t i = 0; i < depth; i++) {
        const char *name = names[next_random(seed) % (sizeof names / sizeof names[0])];
        int n = snprintf(key + used, size - used, "%s%s", i > 0 ? "/" : "", name);
        assert_true(n > 0);
        used += (size_t)n;
    }
}

static void plant_random_tree(const struct tree *tree, struct reference *reference, size_t count,
                              uint32_t *seed)
{
    for (size_t i = 0; i < count; i++) {
        char key[64];
        char path[256];
        struct stat info;
        random_key(key, sizeof key, seed);
        if (tree_make_way(tree, key) && stat(tree_path(tree, key, path, sizeof path), &info) < 0) {
            put(tree, reference, key);
        }
    }
}

static void random_trees_list_as_a_sorted_array(void **state)
{
    struct tree *tree = *state;
    struct reference reference = {.count = 0};
    uint32_t seed = 11;
    for (unsigned round = 0; round < 4; round++) {
        plant_random_tree(tree, &reference, 40, &seed);
        for (size_t limit = 1; limit <= reference.count + 1; limit++) {
            const struct store_list_query query = {.prefix = "", .after = "", .limit = limit};
            check_list(tree->dir, &reference, &query);
            check_list(tree->mem, &reference, &query);
        }
    }
    reference_done(&reference);
}

static void prefixes_and_cursors_need_not_be_keys(void **state)
{
    struct tree *tree = *state;
    struct reference reference = {.count = 0};
    uint32_t seed = 5;
    plant_random_tree(tree, &reference, 150, &seed);
    for (unsigned round = 0; round < 1500; round++) {
        char prefix[64];
        char after[64];
        random_key(prefix, sizeof prefix, &seed);
        random_key(after, sizeof after, &seed);
        prefix[next_random(&seed) % (strlen(prefix) + 1)] = '\0'; /* ends anywhere */
        after[next_random(&seed) % (strlen(after) + 1)] = '\0';
        const struct store_list_query query = {
            .prefix = prefix, .after = after, .limit = 1 + next_random(&seed) % 20};
        check_list(tree->dir, &reference, &query);
        check_list(tree->mem, &reference, &query);
    }
    reference_done(&reference);
}

static void impossible_prefixes_select_nothing(void **state)
{
    struct tree *tree = *state;
    struct reference reference = {.count = 0};
    char path[256];
    tree_put(tree, "a/b", "x");
    assert_int_equal(symlink("a", tree_path(tree, "link", path, sizeof path)), 0);
    static const char *const prefixes[] = {"/",     "/a",   "a//",   "../",  "a/../",
                                           "./a",   "a/./", "link/", "a/b/", "x/y/z/",
                                           "\xff/", "..",   "."};
    for (int dir = 0; dir < 2; dir++) {
        for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
            const struct store_list_query query = {.prefix = prefixes[i], .after = "", .limit = 10};
            check_list(tree_store(tree, dir), &reference, &query);
        }
    }
}

static void directories_above_the_budget_list_the_same(void **state)
{
    struct tree *tree = *state;
    struct reference reference = {.count = 0};
    uint32_t seed = 3;
    dir_store(tree->dir)->names_budget_bytes = 2000; /* some 45 names at once */
    for (unsigned i = 0; i < 400; i++) {
        char key[64];
        (void)snprintf(key, sizeof key, "many/IMG_%u%s", next_random(&seed) % 100000,
                       i % 16 == 0 ? "/x.jpg" : ".jpg");
        char path[256];
        if (access(tree_path(tree, key, path, sizeof path), F_OK) < 0) {
            put(tree, &reference, key);
        }
    }
    for (size_t limit = 1; limit <= 1000; limit = limit * 3 + 1) {
        struct store_list_query query = {.prefix = "", .after = "", .limit = limit};
        check_list(tree->dir, &reference, &query);
        query.prefix = "many/IMG_5";
        check_list(tree->dir, &reference, &query);
        query.after = "many/IMG_7";
        query.prefix = "";
        check_list(tree->dir, &reference, &query);
    }
    reference_done(&reference);
}

static void objects_that_stay_are_listed_once_while_others_come_and_go(void **state)
{
    struct tree *tree = *state;
    uint32_t seed = 23;
    enum { STAY = 600 };
    char key[64];
    char path[256];
    for (unsigned i = 0; i < STAY; i++) {
        (void)snprintf(key, sizeof key, "d%u/stay%04u.jpg", i % 3, i);
        tree_put(tree, key, "");
    }
    char after[LIMIT_KEY_BYTES + 1] = "";
    size_t seen = 0;
    for (bool more = true; more;) {
        const struct store_list_query query = {.prefix = "", .after = after, .limit = 17};
        struct store_page page;
        assert_int_equal(store_list(tree->dir, &query, &page, NULL), 0);
        for (size_t i = 0; i < page.count; i++) {
            assert_true(strcmp(page.entries[i].key, after) > 0); /* so: none twice */
            (void)snprintf(after, sizeof after, "%s", page.entries[i].key);
            seen += strstr(after, "stay") ? 1 : 0;
        }
        more = page.more;
        store_page_done(&page);
        for (unsigned i = 0; i < 20; i++) {
            (void)snprintf(key, sizeof key, "d%u/come%04u.jpg", i % 3, next_random(&seed) % 2000);
            tree_write(tree_path(tree, key, path, sizeof path), "", 0);
            (void)snprintf(key, sizeof key, "d%u/come%04u.jpg", i % 3, next_random(&seed) % 2000);
            (void)unlink(tree_path(tree, key, path, sizeof path));
            (void)snprintf(key, sizeof key, "d%u/sub%u", i % 3, next_random(&seed) % 50);
            (void)tree_path(tree, key, path, sizeof path);
            assert_true(i % 2 ? mkdir(path, 0700) == 0 || errno == EEXIST
                              : rmdir(path) == 0 || errno == ENOENT);
        }
    }
    assert_int_equal(seen, STAY);
}

static void a_new_listing_sees_what_has_come(void **state)
{
    struct tree *tree = *state;
    struct reference reference = {.count = 0};
    char key[64];
    for (unsigned i = 0; i < 400; i++) { /* enough to be kept between pages */
        (void)snprintf(key, sizeof key, "d/%04u", i);
        put(tree, &reference, key);
    }
    struct store_list_query query = {.prefix = "", .after = "", .limit = 10};
    for (unsigned i = 0; i < 20; i++) {
        struct store_page page;
        assert_int_equal(store_list(tree->dir, &query, &page, NULL), 0); /* given up */
        store_page_done(&page);
        (void)snprintf(key, sizeof key, "d/%04u-new", i);
        put(tree, &reference, key);
        check_list(tree->dir, &reference, &query);
    }
    reference_done(&reference);
}

static void a_directory_that_vanishes_between_pages_is_gone(void **state)
{
    struct tree *tree = *state;
    char path[256];
    char other[256];
    static const char *const keys[] = {"a/1", "a/2", "b/c/1", "b/c/2", "d"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        tree_put(tree, keys[i], "");
    }
    assert_int_equal(
        rename(tree_path(tree, "b", path, sizeof path), tree_path(tree, "0", other, sizeof other)),
        0);
    struct reference rest = {.count = 0};
    reference_add(&rest, "d");
    const struct store_list_query query = {.prefix = "", .after = "b/c/1", .limit = 10};
    check_list(tree->dir, &rest, &query);
    reference_done(&rest);
}

static void what_is_no_object_is_not_listed(void **state)
{
    struct tree *tree = *state;
    struct reference reference = {.count = 0};
    char path[256];
    put(tree, &reference, "a/b");
    put(tree, &reference, ".hidden/.file");
    assert_int_equal(symlink("a", tree_path(tree, "dirlink", path, sizeof path)), 0);
    assert_int_equal(symlink("b", tree_path(tree, "a/link", path, sizeof path)), 0);
    assert_int_equal(symlink("..", tree_path(tree, "a/up", path, sizeof path)), 0);
    assert_int_equal(mkfifo(tree_path(tree, "fifo", path, sizeof path), 0600), 0);
    assert_int_equal(mkdir(tree_path(tree, "empty", path, sizeof path), 0700), 0);
    const struct store_list_query query = {.prefix = "", .after = "", .limit = 10};
    check_list(tree->dir, &reference, &query);
    reference_done(&reference);
}

/* Adds up what all pages skipped. */
static void count_skipped(struct store *store, const struct store_list_query *query,
                          struct store_page *ret_sum)
{
    struct store_list_query q = *query;
    char after[LIMIT_KEY_BYTES + 1] = "";
    *ret_sum = (struct store_page){.more = true};
    while (ret_sum->more) {
        struct store_page page;
        q.after = after;
        assert_int_equal(store_list(store, &q, &page, NULL), 0);
        ret_sum->count += page.count;
        left_out_tally_add(&ret_sum->left_out, &page.left_out);
        ret_sum->more = page.more;
        if (page.count > 0) {
            (void)snprintf(after, sizeof after, "%s", page.entries[page.count - 1].key);
        }
        store_page_done(&page);
    }
}

static void foreign_suffixes_are_passed_over_and_counted_once(void **state)
{
    struct tree *tree = *state;
    static const char *const keys[] = {"0.txt",   "1.jpg",    "2.NEF",   "3.md",   "4.png",
                                       "5/a.txt", "5/b.webp", "5/c.zip", "6.heic", "7"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        tree_put(tree, keys[i], "");
    }
    for (int dir = 0; dir < 2; dir++) {
        for (size_t limit = 1; limit < 12; limit++) {
            struct store_page sum;
            struct store_list_query query = {.prefix = "", .limit = limit, .images_only = true};
            count_skipped(tree_store(tree, dir), &query, &sum);
            assert_int_equal(sum.count, 4);
            assert_int_equal(left_out_tally_skipped(&sum.left_out), 6);
            query.images_only = false;
            count_skipped(tree_store(tree, dir), &query, &sum);
            assert_int_equal(sum.count, 10);
            assert_int_equal(left_out_tally_skipped(&sum.left_out), 0);
        }
    }
}

static void names_that_are_no_keys_are_counted(void **state)
{
    struct tree *tree = *state;
    char path[4096];
    char component[201];
    char key[1400] = "";
    memset(component, 'n', 200);
    component[200] = '\0';
    tree_put(tree, "a.jpg", "");
    tree_write(tree_path(tree, "\xff.jpg", path, sizeof path), "", 0);
    assert_int_equal(mkdir(tree_path(tree, "b\xc0", path, sizeof path), 0700), 0);
    tree_write(tree_path(tree, "b\xc0/x.jpg", path, sizeof path), "", 0);
    tree_write(tree_path(tree, "b\xc0/y.jpg", path, sizeof path), "", 0);
    for (unsigned i = 0; i < 5; i++) { /* 1005 bytes with the slashes */
        (void)strncat(key, component, sizeof key - strlen(key) - 1);
        (void)strncat(key, "/", sizeof key - strlen(key) - 1);
    }
    size_t size = strlen(key);
    (void)strncat(key, "0123456789012345678", sizeof key - size - 1); /* 1024: just fits */
    tree_put(tree, key, "");
    (void)strncat(key, "9", sizeof key - strlen(key) - 1);
    assert_true(tree_make_way(tree, key));
    tree_write(tree_path(tree, key, path, sizeof path), "", 0);
    key[size] = '\0';
    (void)strncat(key, component, sizeof key - size - 1); /* a directory above the limit */
    assert_int_equal(mkdir(tree_path(tree, key, path, sizeof path), 0700), 0);
    struct store_page sum;
    const struct store_list_query query = {.prefix = "", .limit = 1};
    count_skipped(tree->dir, &query, &sum);
    assert_int_equal(sum.count, 2 + 3);
    assert_int_equal(sum.left_out.names, 1 + 1);
}

/* Names that are not keys among some that are: created, and put into `reference` in raw bytes. */
static void plant_flawed(const struct tree *tree, struct reference *reference)
{
    static const char *const names[] = {"a.jpg",       "a\xff.jpg",   "b\xc0.txt",
                                        "b\xc0/x.jpg", "b\xc0/y.jpg", "c/d\xe9",
                                        "c/e.jpg",     "\xff",        "z.txt"};
    char path[4096];
    char key[1600] = "";
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_true(tree_make_way(tree, names[i]));
        tree_write(tree_path(tree, names[i], path, sizeof path), "", 0);
        reference_add(reference, names[i]);
    }
    for (size_t i = 0; i < 1005; i++) {
        key[i] = i % 201 == 200 ? '/' : 'n';
    }
    (void)strcpy(key + 1005, "0123456789012345678"); /* 1024: just fits */
    assert_true(tree_make_way(tree, key));
    tree_write(tree_path(tree, key, path, sizeof path), "", 0);
    reference_add(reference, key);
    (void)strcpy(key + 1005, "01234567890123456789");
    tree_write(tree_path(tree, key, path, sizeof path), "", 0);
    reference_add(reference, key);
    (void)strcpy(key + 1005, "012345678901234567/"); /* a directory: a key would have 1025 */
    assert_int_equal(mkdir(tree_path(tree, key, path, sizeof path), 0700), 0);
    reference_add(reference, key);
    memset(key + 1005, 'o', 255);
    (void)strcpy(key + 1260, "/");
    assert_int_equal(mkdir(tree_path(tree, key, path, sizeof path), 0700), 0);
    reference_add(reference, key);
    (void)strcpy(key + 1005 + 17, "/x"); /* fits */
    assert_true(tree_make_way(tree, key));
    tree_write(tree_path(tree, key, path, sizeof path), "", 0);
    reference_add(reference, key);
}

static void names_that_are_no_keys_are_given_in_their_place_when_asked_for(void **state)
{
    struct tree *tree = *state;
    struct reference reference = {.count = 0};
    plant_flawed(tree, &reference);
    for (size_t limit = 1; limit < 17; limit++) {
        char after[LIMIT_NAME_BYTES + 1] = "";
        size_t at = 0;
        struct store_list_query query = {
            .prefix = "", .after = after, .limit = limit, .flawed = true, .sizes = limit % 2};
        for (bool more = true; more;) {
            struct store_page page;
            assert_int_equal(store_list(tree->dir, &query, &page, NULL), 0);
            assert_int_equal(page.left_out.names, 0);
            for (size_t i = 0; i < page.count; i++, at++) {
                const char *key = page.entries[i].key;
                assert_true(at < reference.count);
                assert_string_equal(key, reference.keys[at]);
                bool is_directory = key[strlen(key) - 1] == '/';
                assert_int_equal(page.entries[i].flawed, is_directory || key_check(key, NULL) < 0);
            }
            assert_true(page.count > 0);
            (void)snprintf(after, sizeof after, "%s", page.entries[page.count - 1].key);
            more = page.more;
            store_page_done(&page);
        }
        assert_int_equal(at, reference.count);
    }
    reference_done(&reference);
}

static void flawed_names_with_a_foreign_suffix_are_passed_over(void **state)
{
    struct tree *tree = *state;
    struct reference reference = {.count = 0};
    struct store_page page;
    plant_flawed(tree, &reference);
    const struct store_list_query query = {
        .prefix = "", .limit = 100, .flawed = true, .images_only = true};
    assert_int_equal(store_list(tree->dir, &query, &page, NULL), 0);
    assert_int_equal(page.count, reference.count - 2);
    assert_int_equal(left_out_tally_skipped(&page.left_out), 2);
    assert_int_equal(page.left_out.names, 0);
    store_page_done(&page);
    reference_done(&reference);
}

static void the_deepest_possible_tree_is_listed(void **state)
{
    struct tree *tree = *state;
    struct reference reference = {.count = 0};
    char key[LIMIT_KEY_BYTES + 1] = "";
    for (unsigned i = 0; i + 2 < LIMIT_KEY_BYTES; i += 2) {
        key[i] = 'd';
        key[i + 1] = '/';
        key[i + 2] = '\0';
    }
    (void)strcat(key, "e");
    put(tree, &reference, key);
    put(tree, &reference, "z");
    for (size_t limit = 1; limit < 4; limit++) {
        const struct store_list_query query = {
            .prefix = "", .after = "", .limit = limit, .sizes = true};
        check_list(tree->dir, &reference, &query);
    }
    reference_done(&reference);
}

static void sizes_come_with_the_keys_when_asked_for(void **state)
{
    struct tree *tree = *state;
    static const struct {
        const char *key;
        const char *text;
    } objects[] = {{"a/a/x", "1"}, {"a/b/x", "22"}, {"a/c", "333"}, {"b", "4444"}};
    for (size_t i = 0; i < 4; i++) {
        tree_put(tree, objects[i].key, objects[i].text);
    }
    for (int dir = 0; dir < 2; dir++) {
        for (int sizes = 0; sizes < 2; sizes++) {
            struct store_page page;
            const struct store_list_query query = {
                .prefix = "", .after = "", .limit = 10, .sizes = sizes == 1};
            assert_int_equal(store_list(tree_store(tree, dir), &query, &page, NULL), 0);
            assert_int_equal(page.count, 4);
            for (size_t i = 0; i < 4; i++) {
                assert_string_equal(page.entries[i].key, objects[i].key);
                assert_int_equal(page.entries[i].size_bytes, sizes ? strlen(objects[i].text) : 0);
            }
            store_page_done(&page);
        }
    }
}

static void a_directory_that_cannot_be_read_is_named(void **state)
{
    struct tree *tree = *state;
    char path[256];
    char lost[256];
    tree_put(tree, "a/1", "");
    tree_put(tree, "closed/2", "");
    tree_put(tree, "lost+found/3", "");
    assert_int_equal(chmod(tree->root, 0755), 0);
    assert_int_equal(chmod(tree_path(tree, "a", path, sizeof path), 0755), 0);
    assert_int_equal(chmod(tree_path(tree, "closed", path, sizeof path), 0), 0);
    assert_int_equal(chmod(tree_path(tree, "lost+found", lost, sizeof lost), 0), 0);
    struct store_page page = {.count = 0};
    struct error error = {.code = ERROR_NONE};
    struct store_list_query query = {.prefix = "", .after = "", .limit = 10};
    bool root = geteuid() == 0;
    if (root) {
        assert_int_equal(seteuid(65534), 0);
    }
    int all = store_list(tree->dir, &query, &page, &error);
    query.after = "closed0"; /* past it: only what the file system itself has is in the way */
    int rest = store_list(tree->dir, &query, &page, NULL);
    if (root) {
        assert_int_equal(seteuid(0), 0);
    }
    assert_int_equal(chmod(path, 0700), 0);
    assert_int_equal(chmod(lost, 0700), 0);
    assert_int_equal(all, -EACCES);
    assert_int_equal(error.code, ERROR_UNREADABLE);
    assert_non_null(strstr(error.message, "closed/"));
    assert_int_equal(rest, 0);
    assert_int_equal(page.count, 0);
    store_page_done(&page);
}

static void queries_out_of_range_are_refused(void **state)
{
    struct tree *tree = *state;
    char text[LIMIT_KEY_BYTES + 2];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    struct store_page page;
    for (int dir = 0; dir < 2; dir++) {
        struct store_list_query query = {.prefix = "", .after = "", .limit = 0};
        assert_int_equal(store_list(tree_store(tree, dir), &query, &page, NULL), -EINVAL);
        query.limit = 1;
        query.prefix = text;
        assert_int_equal(store_list(tree_store(tree, dir), &query, &page, NULL), -EINVAL);
        query.prefix = "";
        query.after = text;
        assert_int_equal(store_list(tree_store(tree, dir), &query, &page, NULL), -EINVAL);
        query.after = text + 1; /* as long as a key can be */
        assert_int_equal(store_list(tree_store(tree, dir), &query, &page, NULL), 0);
        store_page_done(&page);
    }
}

struct lister {
    struct store *store;
    size_t limit;
    size_t stayed; /* out: of the objects that were always there; each list adds to it */
    int failed;    /* out */
};

enum { LISTS = 15 };

static void *list_again_and_again(void *argument)
{
    struct lister *lister = argument;
    for (unsigned round = 0; round < LISTS; round++) {
        char after[LIMIT_KEY_BYTES + 1] = "";
        for (bool more = true; more;) {
            const struct store_list_query query = {
                .prefix = "", .after = after, .limit = lister->limit};
            struct store_page page;
            if (store_list(lister->store, &query, &page, NULL) < 0) {
                lister->failed++;
                return NULL;
            }
            for (size_t i = 0; i < page.count; i++) {
                lister->stayed += strstr(page.entries[i].key, "stay") ? 1 : 0;
                (void)snprintf(after, sizeof after, "%s", page.entries[i].key);
            }
            more = page.more;
            store_page_done(&page);
        }
    }
    return NULL;
}

static void listings_at_once_do_not_disturb_each_other(void **state)
{
    struct tree *tree = *state;
    enum { STAY = 500, THREADS = 4 };
    struct lister listers[THREADS];
    pthread_t threads[THREADS];
    char key[64];
    char path[256];
    for (unsigned i = 0; i < STAY; i++) {
        (void)snprintf(key, sizeof key, "d/stay%04u", i);
        tree_put(tree, key, "");
    }
    for (unsigned i = 0; i < THREADS; i++) {
        listers[i] = (struct lister){.store = tree->dir, .limit = 30 + 90 * (size_t)i};
        assert_int_equal(pthread_create(&threads[i], NULL, list_again_and_again, &listers[i]), 0);
    }
    for (unsigned i = 0; i < 100; i++) {
        (void)snprintf(key, sizeof key, "d/come%04u", i);
        tree_write(tree_path(tree, key, path, sizeof path), "", 0);
        (void)usleep(500);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(listers[i].failed, 0);
        assert_int_equal(listers[i].stayed, STAY * LISTS);
    }
}

static int64_t cpu_ns(void)
{
    struct timespec now;
    assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now), 0);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t list_cost_ns(struct store *store, size_t limit, size_t wanted)
{
    struct store_page sum;
    const struct store_list_query query = {.prefix = "", .limit = limit};
    int64_t begun = cpu_ns();
    count_skipped(store, &query, &sum);
    assert_int_equal(sum.count, wanted);
    return cpu_ns() - begun;
}

static void small_pages_do_not_read_a_large_directory_again(void **state)
{
    struct tree *tree = *state;
    enum { COUNT = 12000 };
    char path[256];
    char first[256];
    char name[64];
    assert_int_equal(mkdir(tree_path(tree, "large", path, sizeof path), 0700), 0);
    tree_write(tree_path(tree, "large/IMG_0000000.jpg", first, sizeof first), "", 0);
    for (unsigned i = 1; i < COUNT; i++) {
        (void)snprintf(name, sizeof name, "large/IMG_%07u.jpg", i);
        assert_int_equal(link(first, tree_path(tree, name, path, sizeof path)), 0);
    }
    (void)usleep(50000);
    int64_t large = list_cost_ns(tree->dir, 1000, COUNT); /* 12 pages */
    int64_t small = list_cost_ns(tree->dir, 40, COUNT);   /* 300 pages: 25 times as many */
    print_message("12,000 names: %.1f ms in 12 pages, %.1f ms in 300\n", (double)large / 1e6,
                  (double)small / 1e6);
    assert_true(small < large * 8);
}

int main(void)
{
#define LIST_TEST(name) cmocka_unit_test_setup_teardown(name, tree_setup, tree_teardown)
    const struct CMUnitTest tests[] = {
        LIST_TEST(directories_sort_as_their_name_with_a_slash),
        LIST_TEST(random_trees_list_as_a_sorted_array),
        LIST_TEST(prefixes_and_cursors_need_not_be_keys),
        LIST_TEST(impossible_prefixes_select_nothing),
        LIST_TEST(directories_above_the_budget_list_the_same),
        LIST_TEST(objects_that_stay_are_listed_once_while_others_come_and_go),
        LIST_TEST(a_new_listing_sees_what_has_come),
        LIST_TEST(a_directory_that_vanishes_between_pages_is_gone),
        LIST_TEST(what_is_no_object_is_not_listed),
        LIST_TEST(foreign_suffixes_are_passed_over_and_counted_once),
        LIST_TEST(names_that_are_no_keys_are_given_in_their_place_when_asked_for),
        LIST_TEST(flawed_names_with_a_foreign_suffix_are_passed_over),
        LIST_TEST(names_that_are_no_keys_are_counted),
        LIST_TEST(the_deepest_possible_tree_is_listed),
        LIST_TEST(sizes_come_with_the_keys_when_asked_for),
        LIST_TEST(a_directory_that_cannot_be_read_is_named),
        LIST_TEST(queries_out_of_range_are_refused),
        LIST_TEST(listings_at_once_do_not_disturb_each_other),
        LIST_TEST(small_pages_do_not_read_a_large_directory_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
