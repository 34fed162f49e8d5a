/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that listings leave out are counted, once each over all pages, and reported by suffix.
 */
#include "tree.h"

#include "base/error.h"
#include "base/json.h"
#include "store/left_out.h"

/* Goes through all pages: the number of keys. */
static size_t list_all(struct store *store, size_t limit, struct left_out_tally *ret_tally)
{
    char after[LIMIT_KEY_BYTES + 1] = "";
    size_t count = 0;
    *ret_tally = (struct left_out_tally){.links = 0};
    for (bool more = true; more;) {
        struct store_page page;
        struct store_list_query query = {
            .prefix = "", .after = after, .limit = limit, .images_only = true};
        assert_int_equal(store_list(store, &query, &page, NULL), 0);
        count += page.count;
        left_out_tally_add(ret_tally, &page.left_out);
        more = page.more;
        if (page.count > 0) {
            (void)snprintf(after, sizeof after, "%s", page.entries[page.count - 1].key);
        }
        store_page_done(&page);
    }
    return count;
}

static void links_are_counted_once_whatever_the_page(void **state)
{
    const struct tree *tree = *state;
    static const char *const links[] = {"0", "a", "a.jpg.link", "d/0", "d/z", "d.jpg", "zz"};
    char path[256];
    tree_put(tree, "a.jpg", "");
    tree_put(tree, "b.HEIC", "");
    tree_put(tree, "c/d.jpg", "");
    tree_put(tree, "d/e.jpg", "");
    tree_put(tree, "d/f.mov", "");
    tree_put(tree, "z.jpg", "");
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
        assert_int_equal(symlink("c", tree_path(tree, links[i], path, sizeof path)), 0);
    }
    for (size_t limit = 1; limit < 8; limit++) {
        struct left_out_tally tally;
        assert_int_equal(list_all(tree->dir, limit, &tally), 4);
        assert_int_equal(tally.links, 7);
        assert_int_equal(left_out_tally_skipped(&tally), 2);
        assert_int_equal(tally.suffixes[suffix_foreign("x/heic.heic")], 1);
        assert_int_equal(tally.suffixes[suffix_foreign("MOV.MOV")], 1);
    }
}

static void a_prefix_behind_a_link_is_told(void **state)
{
    const struct tree *tree = *state;
    char path[256];
    struct store_page page;
    struct store_list_query query = {.prefix = "link/", .limit = 10};
    tree_put(tree, "c/d.jpg", "");
    assert_int_equal(symlink("c", tree_path(tree, "link", path, sizeof path)), 0);
    assert_int_equal(store_list(tree->dir, &query, &page, NULL), 0);
    assert_int_equal(page.count, 0);
    assert_int_equal(page.left_out.links, 1);
    store_page_done(&page);
    query.prefix = "nothing/";
    assert_int_equal(store_list(tree->dir, &query, &page, NULL), 0);
    assert_int_equal(page.left_out.links, 0);
    store_page_done(&page);
}

static void the_most_frequent_suffixes_are_told(void **state)
{
    (void)state;
    struct left_out_tally tally = {.links = 3, .excluded = 2};
    cleanup_buffer struct buffer text = BUFFER_INIT;
    struct left_out left_out = left_out_of(&tally);
    left_out_put_json(&JSON_WRITER(&text), &left_out);
    assert_string_equal(buffer_text(&text), "\"skipped\":0,\"links\":3,\"excluded\":2");
    tally.suffixes[suffix_foreign("a.heic")] = 4100;
    tally.suffixes[suffix_foreign("a.mov")] = 110;
    tally.suffixes[suffix_foreign("a.avi")] = 110;
    left_out = left_out_of(&tally);
    buffer_clear(&text);
    left_out_put_json(&JSON_WRITER(&text), &left_out);
    assert_string_equal(buffer_text(&text),
                        "\"skipped\":4320,\"skipped_suffixes\":{\"heic\":4100,\"avi\":110,"
                        "\"mov\":110},\"links\":3,\"excluded\":2");
    for (int i = 0; suffix_text(i)[0] != '\0'; i++) {
        tally.suffixes[i] = (uint64_t)i + 1;
    }
    left_out = left_out_of(&tally);
    assert_int_equal(left_out.suffix_count, LIMIT_TOLD_SUFFIXES);
    uint64_t told = 0;
    for (unsigned i = 0; i < left_out.suffix_count; i++) {
        assert_true(i == 0 || left_out.suffixes[i].files == left_out.suffixes[i - 1].files - 1);
        told += left_out.suffixes[i].files;
    }
    assert_string_equal(left_out.suffixes[0].suffix, "zst");
    assert_true(told < left_out.skipped);
}

static void reads(const char *text, int wanted)
{
    cleanup_json struct json *root = NULL;
    struct left_out left_out;
    unsigned members = 0;
    assert_int_equal(json_parse(text, strlen(text), "test", &root, NULL), 0);
    assert_int_equal(left_out_read_json(root, &left_out, &members), wanted);
}

static void what_was_told_reads_back(void **state)
{
    (void)state;
    reads("{}", 0);
    reads("{\"skipped\":3,\"skipped_suffixes\":{\"heic\":3},\"links\":1}", 0);
    reads("{\"skipped\":-3}", -EINVAL);
    reads("{\"skipped\":\"3\"}", -EINVAL);
    reads("{\"links\":null}", -EINVAL);
    reads("{\"skipped_suffixes\":[]}", -EINVAL);
    reads("{\"skipped_suffixes\":{\"\":3}}", -EINVAL);
    reads("{\"skipped_suffixes\":{\"heic\":0}}", -EINVAL);
    reads("{\"skipped_suffixes\":{\"a/b\":1}}", -EINVAL);
    reads("{\"skipped_suffixes\":{\"longsuff\":1}}", -EINVAL);
    reads("{\"skipped_suffixes\":{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,"
          "\"i\":1,\"j\":1,\"k\":1,\"l\":1,\"m\":1}}",
          -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(links_are_counted_once_whatever_the_page, tree_setup,
                                        tree_teardown),
        cmocka_unit_test_setup_teardown(a_prefix_behind_a_link_is_told, tree_setup, tree_teardown),
        cmocka_unit_test(the_most_frequent_suffixes_are_told),
        cmocka_unit_test(what_was_told_reads_back),
    };
    return cmocka_run_group_tests_name("left_out", tests, NULL, NULL);
}
