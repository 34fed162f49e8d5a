/* SPDX-License-Identifier: Apache-2.0
 *
 * The hash that is stored has the published values of FNV-1a; that for tables depends on the bytes
 * and the seed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/hash.h"

static void stored_hashes_are_those_of_fnv_1a(void **state)
{
    (void)state;
    assert_true(hash_stored_text("") == UINT64_C(0xcbf29ce484222325));
    assert_true(hash_stored_text("a") == UINT64_C(0xaf63dc4c8601ec8c));
    assert_true(hash_stored_text("foobar") == UINT64_C(0x85944171f73967e8));
}

static void hashes_for_tables_depend_on_bytes_and_seed(void **state)
{
    (void)state;
    assert_true(hash_bytes("foobar", 6, 1) == hash_bytes("foobarx", 6, 1));
    assert_true(hash_bytes("foobar", 6, 1) != hash_bytes("foobas", 6, 1));
    assert_true(hash_bytes("foobar", 6, 1) != hash_bytes("foobar", 6, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stored_hashes_are_those_of_fnv_1a),
        cmocka_unit_test(hashes_for_tables_depend_on_bytes_and_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
