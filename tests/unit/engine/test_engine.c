/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of back ends has the rows of data/engine_facts.h, in the same order.
 */
#include <setjmp.h> /* cmocka needs these four first */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "data/engine_facts.h"
#include "engine/engine.h"

static void each_back_end_has_its_facts(void **state)
{
    (void)state;
    size_t i = 0;
    for (; engine_at(i); i++) {
        const struct engine_ops *ops = engine_at(i);
        assert_non_null(engine_facts_at(i));
        assert_string_equal(ops->name, engine_facts_at(i)->name);
        assert_ptr_equal(engine_find(ops->name), ops);
        assert_true(ops->open && ops->close && ops->load && ops->unload && ops->signature &&
                    ops->run);
    }
    assert_null(engine_facts_at(i));
    assert_null(engine_find("none"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_back_end_has_its_facts)};
    return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
