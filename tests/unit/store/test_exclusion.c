/* SPDX-License-Identifier: Apache-2.0
 *
 * What selections exclude: patterns, listings that leave them out, and the rules in files.
 */
#include "tree.h"

#include <sys/inotify.h>

#include "base/json.h"
#include "store/exclusion.h"
#include "store/select_rules.h"

static bool covers(const char *lines, const char *key, bool directory)
{
    struct exclusion *exclusion = NULL;
    assert_int_equal(exclusion_new(lines, NULL, &exclusion, NULL), 0);
    bool covered = exclusion_covers(exclusion, key, directory);
    exclusion_free(exclusion);
    return covered;
}

static void patterns_cover_files_and_directories(void **state)
{
    (void)state;
    static const struct {
        const char *lines;
        const char *key;
        bool file;
        bool directory;
    } cases[] = {
        {"*.tmp", "a/b.tmp", true, true},
        {"*.tmp\n", "a/b.tmp/c", false, false}, /* the walk never gets there */
        {"cache/", "x/cache", false, true},
        {"cache", "x/cache", true, true},
        {"cache", "x/cache2", false, false},
        {"2019/**", "2019/a/b.jpg", true, true},
        {"2019/*.jpg", "x/2019/a.jpg", false, false},
        {"**/raw/", "x/raw", false, true},
        {"/raw/", "raw", false, true},
        {"/raw/", "x/raw", false, false},
        {"/IMG_*", "IMG_1.jpg", true, true},
        {"/IMG_*", "x/IMG_1.jpg", false, false},
        {"/x/raw", "x/raw", true, true},
        {"/x/raw", "y/x/raw", false, false},
        {"IMG_*", "x/IMG_", true, true},
        {"*_small.jpg", "x/a_small.jpg", true, true},
        {"*_small.jpg", "a_smal.jpg", false, false},
        {"*", "anything", true, true},
        {"[ab]?", "x/b1", true, true},
        {"a\\*", "a*", true, true},
        {"a\\*", "ab", false, false},
        {"a\nb\nc", "x/c", true, true},
        {"caf\xc3\xa9", "caf\xe9", false, false},
        {"caf?.jpg", "x/caf\xe9.jpg", true, true},
        {"", "a", false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(covers(cases[i].lines, cases[i].key, false), cases[i].file);
        assert_int_equal(covers(cases[i].lines, cases[i].key, true), cases[i].directory);
    }
}

static void what_is_no_photo_is_excluded_by_default(void **state)
{
    (void)state;
    static const char *const files[] = {"a/._IMG_1.jpg", ".DS_Store", "x/Thumbs.db",
                                        "a.jpg@SynoEAStream"};
    static const char *const directories[] = {"a/@eaDir",  "#recycle",    "$RECYCLE.BIN",
                                              ".Trash",    ".Trash-1000", ".thumbnails",
                                              "x/__MACOSX"};
    static const char *const kept[] = {"a.jpg",      "_a.jpg",      ".hidden.jpg",
                                       "Thumbs.jpg", "eaDir/a.jpg", "trash/a.jpg"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        assert_true(covers(exclusion_default, files[i], false));
    }
    for (size_t i = 0; i < sizeof directories / sizeof directories[0]; i++) {
        assert_true(covers(exclusion_default, directories[i], true));
        assert_false(covers(exclusion_default, directories[i], false));
    }
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        assert_false(covers(exclusion_default, kept[i], false));
    }
}

static void patterns_are_checked(void **state)
{
    (void)state;
    struct exclusion *exclusion;
    char many[3 * LIMIT_EXCLUDE_PATTERNS + 4] = "";
    char longest[LIMIT_KEY_BYTES + 2];
    for (unsigned i = 0; i < LIMIT_EXCLUDE_PATTERNS; i++) {
        memcpy(many + (size_t)2 * i, "a\n", 3);
    }
    assert_int_equal(exclusion_new(many, many, &exclusion, NULL), 0);
    exclusion_free(exclusion);
    memcpy(many + (size_t)2 * LIMIT_EXCLUDE_PATTERNS, "a\n", 3);
    assert_int_equal(exclusion_new(many, NULL, &exclusion, NULL), -EINVAL);
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(exclusion_check(longest, NULL), -EINVAL);
    longest[LIMIT_KEY_BYTES] = '\0';
    assert_int_equal(exclusion_check(longest, NULL), 0);
    assert_int_equal(exclusion_check("", NULL), -EINVAL);
    assert_int_equal(exclusion_check("//", NULL), -EINVAL);
    assert_int_equal(exclusion_check("a\nb", NULL), -EINVAL);
    assert_int_equal(exclusion_check("caf\xe9", NULL), -EINVAL);
    assert_int_equal(exclusion_new("a\n\nb", NULL, &exclusion, NULL), -EINVAL);
    assert_null(exclusion);
    exclusion_free(NULL);
}

/* The keys of all pages, one a line. */
static void list_all(struct store *store, const struct store_list_query *query, char *ret_keys,
                     struct left_out_tally *ret_tally)
{
    char after[LIMIT_KEY_BYTES + 1] = "";
    struct store_list_query one = *query;
    *ret_tally = (struct left_out_tally){.links = 0};
    ret_keys[0] = '\0';
    for (bool more = true; more;) {
        struct store_page page;
        one.after = after;
        assert_int_equal(store_list(store, &one, &page, NULL), 0);
        left_out_tally_add(ret_tally, &page.left_out);
        for (size_t i = 0; i < page.count; i++) {
            (void)strcat(strcat(ret_keys, page.entries[i].key), "\n");
        }
        more = page.more;
        if (page.count > 0) {
            (void)snprintf(after, sizeof after, "%s", page.entries[page.count - 1].key);
        }
        store_page_done(&page);
    }
}

static void lists(const struct tree *tree, const char *prefix, const char *lines,
                  const char *wanted, uint64_t excluded)
{
    struct exclusion *exclusion = NULL;
    assert_int_equal(exclusion_new(lines, NULL, &exclusion, NULL), 0);
    for (int dir = 0; dir < 2; dir++) {
        for (size_t limit = 1; limit < 7; limit++) {
            char keys[512];
            struct left_out_tally tally;
            struct store_list_query query = {
                .prefix = prefix, .limit = limit, .images_only = true, .exclusion = exclusion};
            list_all(tree_store(tree, dir), &query, keys, &tally);
            assert_string_equal(keys, wanted);
            assert_int_equal(tally.excluded, excluded);
        }
    }
    exclusion_free(exclusion);
}

static void listings_leave_out_what_is_excluded(void **state)
{
    struct tree *tree = *state;
    static const char *const keys[] = {"._a.jpg",        "@eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg",
                                       "a.jpg",          "b/.DS_Store",
                                       "b/._b.heic",     "b/@eaDir/1.jpg",
                                       "b/@eaDir/2.jpg", "b/b.jpg",
                                       "c/x.heic",       "c/x.jpg",
                                       "z.jpg"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        tree_put(tree, keys[i], "");
    }
    lists(tree, "", exclusion_default, "a.jpg\nb/b.jpg\nc/x.jpg\nz.jpg\n", 5);
    lists(tree, "b/", exclusion_default, "b/b.jpg\n", 3);
    lists(tree, "b", exclusion_default, "b/b.jpg\n", 3);
    lists(tree, "b/@ea", exclusion_default, "", 1);
    lists(tree, "b/@eaDir/", exclusion_default, "b/@eaDir/1.jpg\nb/@eaDir/2.jpg\n", 0);
    lists(tree, "", "*a*\nc/x*\n", "b/.DS_Store\nb/b.jpg\nz.jpg\n", 6);
    lists(tree, "", "*", "", 6);
    lists(tree, "", "/b/", "._a.jpg\n@eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg\na.jpg\nc/x.jpg\nz.jpg\n",
          1);
}

static void excluded_directories_are_not_entered(void **state)
{
    const struct tree *tree = *state;
    char path[256];
    char keys[512];
    char event[512];
    struct left_out_tally tally;
    struct exclusion *exclusion = NULL;
    int notify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    assert_true(notify >= 0);
    tree_put(tree, "a.jpg", "");
    tree_put(tree, "#recycle/b.jpg", "");
    assert_int_equal(exclusion_new(exclusion_default, NULL, &exclusion, NULL), 0);
    assert_true(inotify_add_watch(notify, tree_path(tree, "#recycle", path, sizeof path),
                                  IN_OPEN | IN_ACCESS) >= 0);
    struct store_list_query query = {.prefix = "", .limit = 10, .exclusion = exclusion};
    list_all(tree->dir, &query, keys, &tally);
    assert_string_equal(keys, "a.jpg\n");
    assert_int_equal(read(notify, event, sizeof event), -1);
    query.exclusion = NULL;
    list_all(tree->dir, &query, keys, &tally);
    assert_true(read(notify, event, sizeof event) > 0);
    assert_int_equal(close(notify), 0);
    exclusion_free(exclusion);
}

/* Files that a Synology writes beside each photo cause no pass of a standing job. */
static void what_is_excluded_is_not_watched(void **state)
{
    const struct tree *tree = *state;
    char path[256];
    struct exclusion *exclusion = NULL;
    struct store_watch *watch = NULL;
    bool partial = true;
    tree_put(tree, "sub/@eaDir/a.jpg", "");
    assert_int_equal(exclusion_new(exclusion_default, NULL, &exclusion, NULL), 0);
    assert_int_equal(store_watch_new(tree->dir, "sub/", exclusion, &watch, &partial, NULL), 0);
    tree_put(tree, "sub/@eaDir/b.jpg", "");
    tree_put(tree, "sub/._c.jpg", "");
    assert_int_equal(mkdir(tree_path(tree, "sub/.Trash-1", path, sizeof path), 0700), 0);
    tree_put(tree, "sub/.Trash-1/c.jpg", "");
    assert_int_equal(store_watch_wait(watch, 50), 0);
    tree_put(tree, "sub/c.jpg", "");
    assert_int_equal(store_watch_wait(watch, 10000), 1);
    while (store_watch_wait(watch, 0) == 1) {
    }
    assert_int_equal(mkdir(tree_path(tree, "sub/d", path, sizeof path), 0700), 0);
    assert_int_equal(store_watch_wait(watch, 10000), 1);
    tree_put(tree, "sub/d/c.jpg", "");
    assert_int_equal(store_watch_wait(watch, 10000), 1);
    store_watch_free(watch);
    exclusion_free(exclusion);
}

static void foreign_suffixes_are_judged_by_their_bytes(void **state)
{
    struct tree *tree = *state;
    char keys[512];
    struct left_out_tally tally;
    tree_put(tree, "a.heic", "\xff\xd8\xff\xe0");
    tree_put(tree, "b.heic", "no photo");
    tree_put(tree, "c/d.bin", "\x89PNG\r\n\x1a\n");
    tree_put(tree, "c/e.mov", "");
    tree_put(tree, "f.jpg", "no photo");
    for (int dir = 0; dir < 2; dir++) {
        for (size_t limit = 1; limit < 5; limit++) {
            struct store_list_query query = {
                .prefix = "", .limit = limit, .images_only = true, .sniff = true};
            list_all(tree_store(tree, dir), &query, keys, &tally);
            assert_string_equal(keys, "a.heic\nc/d.bin\nf.jpg\n");
            assert_int_equal(left_out_tally_skipped(&tally), 2);
        }
    }
}

static void reads(const char *text, int wanted, unsigned wanted_members)
{
    cleanup_json struct json *root = NULL;
    struct select_rules rules = {.sniff = false};
    unsigned members = 0;
    assert_int_equal(json_parse(text, strlen(text), "test", &root, NULL), 0);
    assert_int_equal(select_rules_read_file(root, &rules, &members), wanted);
    assert_int_equal(members, wanted_members);
    if (wanted == 0) {
        cleanup_buffer struct buffer out = BUFFER_INIT;
        struct json_writer w = JSON_WRITER(&out);
        json_begin_object(&w, NULL);
        json_put_integer(&w, "a", 1);
        select_rules_put_file(&w, &rules);
        json_end_object(&w);
        assert_string_equal(buffer_text(&out), text);
        struct select_rules copy;
        assert_int_equal(select_rules_copy(&rules, &copy), 0);
        assert_true(select_rules_are_same(&rules, &copy));
        copy.sniff = !copy.sniff;
        assert_false(select_rules_are_same(&rules, &copy));
        select_rules_done(&copy);
        select_rules_done(&rules);
    }
}

static void rules_are_read_as_they_are_written(void **state)
{
    (void)state;
    reads("{\"a\":1}", 0, 0);
    reads(
        "{\"a\":1,\"exclude\":[\"*.tmp\",\"\\\"\"],\"exclude_defaults\":[\"._*\"],\"sniff\":true}",
        0, 3);
    reads("{\"exclude\":\"*.tmp\"}", -EINVAL, 0);
    reads("{\"exclude\":[1]}", -EINVAL, 0);
    reads("{\"exclude_defaults\":[\"a\\nb\"]}", -EINVAL, 0);
    reads("{\"exclude_defaults\":true}", -EINVAL, 0);
    reads("{\"exclude\":[\"a\"],\"sniff\":1}", -EINVAL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_cover_files_and_directories),
        cmocka_unit_test(what_is_no_photo_is_excluded_by_default),
        cmocka_unit_test(patterns_are_checked),
        cmocka_unit_test_setup_teardown(listings_leave_out_what_is_excluded, tree_setup,
                                        tree_teardown),
        cmocka_unit_test_setup_teardown(excluded_directories_are_not_entered, tree_setup,
                                        tree_teardown),
        cmocka_unit_test_setup_teardown(what_is_excluded_is_not_watched, tree_setup, tree_teardown),
        cmocka_unit_test_setup_teardown(foreign_suffixes_are_judged_by_their_bytes, tree_setup,
                                        tree_teardown),
        cmocka_unit_test(rules_are_read_as_they_are_written),
    };
    return cmocka_run_group_tests_name("exclusion", tests, NULL, NULL);
}
