/* SPDX-License-Identifier: Apache-2.0
 *
 * Names that belong together: joined in any order, told in one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "index/groups.h"

struct told {
    struct buffer text;
    size_t group;
};

static int tell(void *context, const char *name, size_t group)
{
    struct told *told = context;
    buffer_append_text(&told->text, told->text.size == 0 ? "" : group == told->group ? " " : " | ");
    buffer_append_text(&told->text, name);
    told->group = group;
    return 0;
}

static void assert_told(struct groups *groups, const char *wanted)
{
    struct told told = {.group = 0};
    assert_int_equal(groups_each(groups, tell, &told), 0);
    assert_string_equal(buffer_text(&told.text), wanted);
    buffer_done(&told.text);
}

static void groups_come_by_their_first_names(void **state)
{
    (void)state;
    struct groups *groups = NULL;
    assert_int_equal(groups_new(&groups), 0);
    assert_told(groups, "");
    assert_int_equal(groups_join(groups, "z", "c"), 0);
    assert_int_equal(groups_join(groups, "y", "b"), 0);
    assert_int_equal(groups_join(groups, "b", "y"), 0);
    assert_told(groups, "b y | c z");
    assert_int_equal(groups_join(groups, "d", "a"), 0);
    assert_int_equal(groups_join(groups, "d", "z"), 0);
    assert_told(groups, "a c d z | b y");
    groups_free(groups);
}

static void many_names_make_a_chain(void **state)
{
    (void)state;
    struct groups *groups = NULL;
    struct told told = {.group = 0};
    assert_int_equal(groups_new(&groups), 0);
    for (unsigned i = 0; i < 20000; i++) {
        char one[16];
        char next[16];
        (void)snprintf(one, sizeof one, "%05u", i);
        (void)snprintf(next, sizeof next, "%05u", (i + 2) % 20000);
        assert_int_equal(groups_join(groups, one, next), 0);
    }
    assert_int_equal(groups_each(groups, tell, &told), 0);
    const char *text = buffer_text(&told.text);
    assert_non_null(strstr(text, "19998 | 00001 "));
    assert_ptr_equal(strchr(text, '|'), strrchr(text, '|'));
    buffer_done(&told.text);
    groups_free(groups);
}

static void the_first_that_was_noted_is_found(void **state)
{
    (void)state;
    struct groups *groups = NULL;
    assert_int_equal(groups_new(&groups), 0);
    assert_null(groups_noted(groups, 7));
    assert_int_equal(groups_note(groups, 7, "a"), 0);
    assert_int_equal(groups_note(groups, 7, "b"), 0);
    for (unsigned i = 0; i < 5000; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "n%u", i);
        assert_int_equal(groups_note(groups, 1000 + i, name), 0);
    }
    assert_string_equal(groups_noted(groups, 7), "a");
    assert_string_equal(groups_noted(groups, 5999), "n4999");
    assert_null(groups_noted(groups, 6000));
    groups_free(groups);
}

static int stop_at_once(void *context, const char *name, size_t group)
{
    (void)name;
    (void)group;
    ++*(unsigned *)context;
    return -1;
}

static void a_visitor_may_end_it(void **state)
{
    (void)state;
    struct groups *groups = NULL;
    unsigned calls = 0;
    assert_int_equal(groups_new(&groups), 0);
    assert_int_equal(groups_join(groups, "a", "b"), 0);
    assert_int_equal(groups_each(groups, stop_at_once, &calls), -1);
    assert_int_equal(calls, 1);
    groups_free(groups);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_come_by_their_first_names),
        cmocka_unit_test(many_names_make_a_chain),
        cmocka_unit_test(the_first_that_was_noted_is_found),
        cmocka_unit_test(a_visitor_may_end_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
