/* SPDX-License-Identifier: Apache-2.0
 *
 * Listings below several prefixes: the pages of any size, joined, are the keys there in order, and
 * what is skipped is counted once.
 */
#include "store/list_below.h"

#include "base/buffer.h"
#include "tree.h"

/* Images and others that are skipped, in front of, between and behind the keys of a prefix. */
static const char *const files[] = {
    "a/1.jpg",   "a/2.jpg",   "a/3.txt",     "b/0.txt",    "b/1.jpg",    "b/2.txt",
    "b/x/1.jpg", "b/x/2.jpg", "b/y/only.md", "c/1.jpg",    "c/9/deep/x", "c/9/z.txt",
    "d/1.jpg",   "e/1.jpg",   "e/2.txt",     "secret.jpg", "secret.txt"};

static int setup(void **state)
{
    struct tree *tree = calloc(1, sizeof *tree);
    assert_non_null(tree);
    tree_open(tree);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        tree_put(tree, files[i], files[i]);
    }
    *state = tree;
    return 0;
}

static int teardown(void **state)
{
    tree_close(*state);
    free(*state);
    return 0;
}

/* All pages of that size: the keys, each followed by a blank, and how many files were skipped. */
static uint64_t list_all(struct store *store, size_t limit, const char *const *prefixes,
                         size_t count, struct buffer *keys)
{
    uint64_t skipped = 0;
    char after[LIMIT_KEY_BYTES + 1] = "";
    for (bool more = true; more;) {
        struct store_page page;
        struct error error = {.message = ""};
        struct store_list_query query = {
            .prefix = "", .after = after, .limit = limit, .images_only = true};
        assert_int_equal(store_list_below(store, &query, prefixes, count, &page, &error), 0);
        assert_true(page.count <= limit);
        assert_true(!page.more || page.count == limit);
        for (size_t i = 0; i < page.count; i++) {
            buffer_printf(keys, "%s ", page.entries[i].key);
        }
        if (page.count > 0) {
            (void)snprintf(after, sizeof after, "%s", page.entries[page.count - 1].key);
        }
        skipped += left_out_tally_skipped(&page.left_out);
        more = page.more;
        store_page_done(&page);
    }
    return skipped;
}

static void check(const struct tree *tree, const char *const *prefixes, size_t count,
                  const char *expected, uint64_t expected_skipped)
{
    for (int dir = 0; dir < 2; dir++) {
        for (size_t limit = 1; limit < 9; limit++) {
            cleanup_buffer struct buffer keys = BUFFER_INIT;
            uint64_t skipped = list_all(tree_store(tree, dir), limit, prefixes, count, &keys);
            const char *text = buffer_text(&keys);
            assert_non_null(text);
            assert_string_equal(text, expected);
            assert_int_equal(skipped, expected_skipped);
        }
    }
}

static void pages_join_the_keys_below_all_prefixes(void **state)
{
    const char *const some[] = {"a/", "b/x/", "b/y/", "c/9/", "e/"};
    check(*state, some, 5, "a/1.jpg a/2.jpg b/x/1.jpg b/x/2.jpg c/9/deep/x e/1.jpg ", 4);
    const char *const ends_empty[] = {"b/", "c/1", "nothing/here/", "secret.t"};
    check(*state, ends_empty, 4, "b/1.jpg b/x/1.jpg b/x/2.jpg c/1.jpg ", 4);
    const char *const one[] = {"b/x/"};
    check(*state, one, 1, "b/x/1.jpg b/x/2.jpg ", 0);
}

static void without_prefixes_nothing_is_listed(void **state)
{
    check(*state, NULL, 0, "", 0);
}

static void cursors_need_be_below_no_prefix(void **state)
{
    const struct tree *tree = *state;
    const char *const prefixes[] = {"a/", "c/", "e/"};
    static const char *const cursors[] = {"a/2.jpg", "b", "b/x/1.jpg"};
    for (size_t i = 0; i < 3; i++) {
        struct store_page page;
        struct store_list_query query = {
            .prefix = "", .after = cursors[i], .limit = 1, .images_only = true};
        assert_int_equal(store_list_below(tree->dir, &query, prefixes, 3, &page, NULL), 0);
        assert_int_equal(page.count, 1);
        assert_string_equal(page.entries[0].key, "c/1.jpg");
        assert_true(page.more);
        store_page_done(&page);
    }
}

static void bad_queries_are_refused_without_prefixes_too(void **state)
{
    const struct tree *tree = *state;
    char large[LIMIT_KEY_BYTES + 2];
    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    const char *const prefixes[] = {"a/", "b/"};
    struct store_page page;
    struct error error = {.message = ""};
    struct store_list_query query = {.prefix = large, .after = "", .limit = 1};
    assert_true(store_list_below(tree->dir, &query, NULL, 0, &page, &error) < 0);
    assert_int_equal(error.code, ERROR_MALFORMED);
    query = (struct store_list_query){.prefix = "", .after = large, .limit = 1};
    error.code = ERROR_NONE;
    assert_true(store_list_below(tree->dir, &query, prefixes, 2, &page, &error) < 0);
    assert_int_equal(error.code, ERROR_MALFORMED);
}

int main(void)
{
#define BELOW_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        BELOW_TEST(pages_join_the_keys_below_all_prefixes),
        BELOW_TEST(without_prefixes_nothing_is_listed),
        BELOW_TEST(cursors_need_be_below_no_prefix),
        BELOW_TEST(bad_queries_are_refused_without_prefixes_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
