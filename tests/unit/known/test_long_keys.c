/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys around the lengths at which they are cut into pieces, compared with a plain sorted list:
 * gets, walks from anywhere, and removals that empty a group.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <lmdb.h>

#include "base/limits.h"
#include "fixture.h"
#include "known/entry_name.h"

enum { KEYS = 3000, ROUNDS = 12, WALKS = 40 };

struct model {
    struct entry {
        char key[LIMIT_KEY_BYTES + 1];
        uint64_t number;
        bool there;
    } entries[KEYS];
};

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->key, ((const struct entry *)b)->key);
}

/* A long run of one letter with few changes, so that many keys share long prefixes. */
static void make_key(uint64_t *random, char key[LIMIT_KEY_BYTES + 1])
{
    static const size_t lengths[] = {
        1, 2, ENTRY_NAME_PIECE, 2 * ENTRY_NAME_PIECE, LIMIT_KEY_BYTES, 509, 511};
    size_t size = lengths[fixture_random(random) % (sizeof lengths / sizeof lengths[0])];
    size += fixture_random(random) % 4;
    size = size > 2 ? size - 2 : size;
    size = size > LIMIT_KEY_BYTES ? LIMIT_KEY_BYTES : size;
    memset(key, 'm', size);
    key[size] = '\0';
    for (uint64_t changes = fixture_random(random) % 5; changes > 0; changes--) {
        static const size_t places[] = {0, 1, 498, 499, 500, 501, 998, 999, 1000, 1001, 1023};
        static const char letters[] = {1, 'a', 'k', 'l', 'z', (char)0x80, (char)0xff};
        size_t place = places[fixture_random(random) % (sizeof places / sizeof places[0])];
        if (place < size) {
            key[place] = letters[fixture_random(random) % sizeof letters];
        }
    }
}

static struct model *model_new(uint64_t *random)
{
    struct model *model = calloc(1, sizeof *model);
    assert_non_null(model);
    for (size_t i = 0; i < KEYS; i++) {
        make_key(random, model->entries[i].key);
    }
    qsort(model->entries, KEYS, sizeof model->entries[0], compare);
    for (size_t i = 1; i < KEYS; i++) { /* equal ones: the first represents all */
        if (strcmp(model->entries[i].key, model->entries[i - 1].key) == 0) {
            model->entries[i].number = UINT64_MAX;
        }
    }
    return model;
}

static void change_some(struct model *model, struct known *known, uint64_t *random, bool remove)
{
    struct known_batch *batch = fixture_batch(known);
    for (size_t i = 0; i < KEYS; i++) {
        struct entry *entry = &model->entries[i];
        if (entry->number == UINT64_MAX || fixture_random(random) % 3 == 0) {
            continue;
        }
        if (remove) {
            assert_int_equal(known_batch_remove(batch, entry->key), 0);
            entry->there = false;
        } else {
            entry->number = fixture_random(random) % 100000;
            entry->there = true;
            fixture_put(batch, entry->key, entry->number);
        }
    }
    fixture_commit(batch, NULL);
    known_batch_free(batch);
}

static void check_gets(const struct model *model, struct known *known)
{
    uint64_t count = 0;
    for (size_t i = 0; i < KEYS; i++) {
        const struct entry *entry = &model->entries[i];
        struct known_object object;
        struct known_object wanted = fixture_object(entry->number);
        bool found = false;
        if (entry->number == UINT64_MAX) {
            continue;
        }
        assert_int_equal(known_get(known, entry->key, &found, &object, NULL), 0);
        assert_int_equal(found, entry->there);
        assert_true(!found || fixture_same(&object, &wanted));
        count += found;
    }
    assert_int_equal(known_count(known), count);
}

static void check_walk(const struct model *model, struct known *known, const char *prefix,
                       const char *after)
{
    struct known_walk *walk = NULL;
    struct known_object object;
    const char *key = NULL;
    assert_int_equal(known_walk_new(known, prefix, after, &walk, NULL), 0);
    for (size_t i = 0; i < KEYS; i++) {
        const struct entry *entry = &model->entries[i];
        if (!entry->there || strncmp(entry->key, prefix, strlen(prefix)) != 0 ||
            (*after && strcmp(entry->key, after) <= 0)) {
            continue;
        }
        struct known_object wanted = fixture_object(entry->number);
        assert_int_equal(known_walk_next(walk, &key, &object, NULL), 1);
        assert_string_equal(key, entry->key);
        assert_true(fixture_same(&object, &wanted));
    }
    assert_int_equal(known_walk_next(walk, &key, &object, NULL), 0);
    known_walk_free(walk);
}

static void check_walks(const struct model *model, struct known *known, uint64_t *random)
{
    char prefix[LIMIT_KEY_BYTES + 1];
    char after[LIMIT_KEY_BYTES + 1];
    check_walk(model, known, "", "");
    for (int i = 0; i < WALKS; i++) {
        make_key(random, prefix);
        make_key(random, after);
        if (i % 2) { /* keys that are there, too */
            memcpy(after, model->entries[fixture_random(random) % KEYS].key, sizeof after);
        }
        check_walk(model, known, "", after);
        check_walk(model, known, prefix, "");
        prefix[fixture_random(random) % LIMIT_KEY_BYTES] = '\0';
        check_walk(model, known, prefix, after);
    }
}

static void keys_of_any_length_stay_in_order(void **state)
{
    uint64_t random = 5;
    struct model *model = model_new(&random);
    struct known *known = fixture_open(*state);
    for (int round = 0; round < ROUNDS; round++) {
        change_some(model, known, &random, round % 2);
        check_gets(model, known);
        check_walks(model, known, &random);
        if (round % 4 == 3) {
            known_close(known);
            known = fixture_open(*state); /* group numbers continue after the last one */
        }
    }
    known_close(known);
    free(model);
}

/* Entries of any kind in the file. */
static size_t entries_in_file(const struct fixture *fixture)
{
    MDB_env *env = NULL;
    MDB_stat info;
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_open(env, fixture->directory, MDB_RDONLY, 0600), 0);
    assert_int_equal(mdb_env_stat(env, &info), 0);
    mdb_env_close(env);
    return info.ms_entries;
}

static void nothing_is_left_of_keys_that_are_gone(void **state)
{
    uint64_t random = 9;
    struct model *model = model_new(&random);
    struct known *known = fixture_open(*state);
    change_some(model, known, &random, false);
    known_close(known);
    assert_true(entries_in_file(*state) > 100);
    known = fixture_open(*state);
    struct known_batch *batch = fixture_batch(known);
    for (size_t i = 0; i < KEYS; i++) {
        assert_int_equal(known_batch_remove(batch, model->entries[i].key), 0);
    }
    fixture_commit(batch, NULL);
    assert_int_equal(known_count(known), 0);
    known_batch_free(batch);
    known_close(known);
    assert_int_equal(entries_in_file(*state), 1); /* the version */
    free(model);
}

static void a_bound_longer_than_any_key_is_fine(void **state)
{
    char bound[3 * LIMIT_KEY_BYTES];
    char key[LIMIT_KEY_BYTES + 1];
    const char *given = NULL;
    struct known_object object;
    struct known_walk *walk = NULL;
    struct known *known = fixture_open(*state);
    struct known_batch *batch = fixture_batch(known);
    memset(bound, 'm', sizeof bound - 1);
    bound[sizeof bound - 1] = '\0';
    memset(key, 'm', sizeof key - 1);
    key[sizeof key - 1] = '\0';
    fixture_put(batch, key, 1);
    fixture_put(batch, "n", 2);
    fixture_commit(batch, NULL);
    assert_int_equal(known_walk_new(known, "", bound, &walk, NULL), 0);
    assert_int_equal(known_walk_next(walk, &given, &object, NULL), 1);
    assert_string_equal(given, "n");
    known_walk_free(walk);
    assert_int_equal(known_walk_new(known, bound, "", &walk, NULL), 0);
    assert_int_equal(known_walk_next(walk, &given, &object, NULL), 0);
    known_walk_free(walk);
    known_batch_free(batch);
    known_close(known);
}

static void a_long_walk_over_long_keys_is_renewed(void **state)
{
    enum { COUNT = 10000 };
    char key[LIMIT_KEY_BYTES + 1];
    const char *given = NULL;
    struct known_object object;
    struct known_walk *walk = NULL;
    struct known *known = fixture_open(*state);
    struct known_batch *batch = fixture_batch(known);
    memset(key, 'd', sizeof key);
    for (unsigned i = 0; i < COUNT; i++) {
        (void)snprintf(key + 1001, sizeof key - 1001, "%06u", i);
        fixture_put(batch, key, i);
    }
    fixture_put(batch, "z", 1);
    fixture_commit(batch, NULL);
    assert_int_equal(known_walk_new(known, "", "", &walk, NULL), 0);
    for (unsigned i = 0; i < COUNT; i++) {
        (void)snprintf(key + 1001, sizeof key - 1001, "%06u", i);
        assert_int_equal(known_walk_next(walk, &given, &object, NULL), 1);
        assert_string_equal(given, key);
    }
    assert_int_equal(known_walk_next(walk, &given, &object, NULL), 1);
    assert_string_equal(given, "z");
    assert_int_equal(known_walk_next(walk, &given, &object, NULL), 0);
    known_walk_free(walk);
    known_batch_free(batch);
    known_close(known);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    static const struct CMUnitTest tests[] = {
        TEST(keys_of_any_length_stay_in_order),
        TEST(nothing_is_left_of_keys_that_are_gone),
        TEST(a_bound_longer_than_any_key_is_fine),
        TEST(a_long_walk_over_long_keys_is_renewed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
