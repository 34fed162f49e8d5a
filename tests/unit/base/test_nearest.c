/* SPDX-License-Identifier: Apache-2.0
 *
 * The known name that a mistyped one is taken for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/nearest.h"

static const char *nearest_of(const char *wanted, const char *const *names,
                              char hint[NEAREST_HINT_SIZE])
{
    struct nearest nearest;
    nearest_init(&nearest, wanted, strlen(wanted));
    for (; *names; names++) {
        nearest_offer(&nearest, *names);
    }
    return nearest_hint(&nearest, hint);
}

static void slips_of_the_hand_are_seen(void **state)
{
    (void)state;
    static const char *const names[] = {"resnet50", "mobilenet", "clip", "ab", NULL};
    static const struct {
        const char *wanted;
        const char *hint;
    } cases[] = {
        {"resnet5", "; did you mean 'resnet50'?"},
        {"resnet", "; did you mean 'resnet50'?"},
        {"ResNet50", "; did you mean 'resnet50'?"},
        {"rsenet50", "; did you mean 'resnet50'?"},
        {"mobielnet", "; did you mean 'mobilenet'?"},
        {"clop", "; did you mean 'clip'?"},
        {"clpi", "; did you mean 'clip'?"},
        {"ba", "; did you mean 'ab'?"},
        {"vit", ""},
        {"res", ""},
        {"xy", ""},
        {"c", ""},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char hint[NEAREST_HINT_SIZE];
        assert_string_equal(nearest_of(cases[i].wanted, names, hint), cases[i].hint);
    }
}

static void the_nearest_wins_then_the_first(void **state)
{
    (void)state;
    static const char *const names[] = {"photos1", "photos2", "photo", NULL};
    char hint[NEAREST_HINT_SIZE];
    assert_string_equal(nearest_of("photos3", names, hint), "; did you mean 'photos1'?");
    assert_string_equal(nearest_of("photoo", names, hint), "; did you mean 'photo'?");
}

static void long_names_are_compared_up_to_the_limit(void **state)
{
    (void)state;
    char wanted[LIMIT_NEAREST_NAME + 2];
    char name[LIMIT_NEAREST_NAME + 2];
    char hint[NEAREST_HINT_SIZE];
    char expected[NEAREST_HINT_SIZE];
    const char *names[] = {name, NULL};

    memset(name, 'x', sizeof name);
    name[LIMIT_NEAREST_NAME] = '\0';
    memcpy(wanted, name, sizeof name);
    wanted[3] = 'y';
    (void)snprintf(expected, sizeof expected, "; did you mean '%s'?", name);
    assert_string_equal(nearest_of(wanted, names, hint), expected);
    name[LIMIT_NEAREST_NAME] = 'x';
    name[LIMIT_NEAREST_NAME + 1] = '\0';
    assert_string_equal(nearest_of(wanted, names, hint), "");
    wanted[LIMIT_NEAREST_NAME] = 'x';
    wanted[LIMIT_NEAREST_NAME + 1] = '\0';
    name[LIMIT_NEAREST_NAME] = '\0';
    assert_string_equal(nearest_of(wanted, names, hint), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slips_of_the_hand_are_seen),
        cmocka_unit_test(the_nearest_wins_then_the_first),
        cmocka_unit_test(long_names_are_compared_up_to_the_limit),
    };
    return cmocka_run_group_tests_name("base/nearest", tests, NULL, NULL);
}
