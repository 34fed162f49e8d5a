/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of engines' facts.
 */
#include <setjmp.h> /* cmocka needs these four first */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/limits.h"
#include "data/engine_facts.h"

static void each_row_is_found_by_its_name_and_is_whole(void **state)
{
    (void)state;
    size_t count = 0;
    for (const struct engine_facts *row = NULL; (row = engine_facts_at(count)); count++) {
        assert_ptr_equal(engine_facts_find(row->name), row);
        assert_true(row->help[0] && row->platform[0] && row->kind[0]);
        assert_in_range(row->lanes_max, 2, LIMIT_LANES);
        assert_non_null(row->system_calls);
    }
    assert_true(count >= 2);
    assert_string_equal(engine_facts_at(0)->name, "onnxruntime");
}

static void an_unknown_name_is_answered_with_those_that_there_are(void **state)
{
    (void)state;
    struct error error;
    assert_null(engine_facts_find("cuda"));
    assert_true(engine_facts_unknown("cuda", &error) < 0);
    assert_int_equal(error.code, ERROR_MALFORMED);
    assert_string_equal(error.message, "no engine 'cuda'; there are: onnxruntime (ONNX models on "
                                       "the CPUs), null (for tests)");
}

static void memory_grows_with_model_and_lanes_or_is_unlimited(void **state)
{
    (void)state;
    struct engine_facts facts = {.memory_base = 1000, .model_copies = 8};
    assert_int_equal(engine_facts_memory(&facts, 10, 7), 1087);
    facts.memory_base = 0;
    assert_int_equal(engine_facts_memory(&facts, 10, 7), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row_is_found_by_its_name_and_is_whole),
        cmocka_unit_test(an_unknown_name_is_answered_with_those_that_there_are),
        cmocka_unit_test(memory_grows_with_model_and_lanes_or_is_unlimited),
    };
    return cmocka_run_group_tests_name("engine_facts", tests, NULL, NULL);
}
