/* SPDX-License-Identifier: Apache-2.0
 *
 * The entries of the table of known objects, byte for byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../golden.h"
#include "base/buffer.h"
#include "known/entry_value.h"

static void add(struct buffer *out, const struct entry_name *name, const struct value *value)
{
    buffer_append(out, name->bytes, name->size);
    buffer_append(out, value->bytes, value->size);
}

static void entries_keep_their_bytes(void **state)
{
    (void)state;
    cleanup_buffer struct buffer out = BUFFER_INIT;
    struct entry_name name;
    struct value value;
    struct known_object object = {
        .identity = identity_of_words(
            (const uint64_t[]){1, 2, 4096, 1795424400000000001, 1795424400000000002}),
        .state = KNOWN_GOOD,
        .trusted = true,
        .slot = 77,
    };
    memset(object.digest, 0xA5, sizeof object.digest);
    assert_false(entry_name_make(0, "2024/cat.jpg", &name));
    assert_int_equal(value_make_object(&name, &object, &value), 0);
    add(&out, &name, &value);
    object.state = KNOWN_FAILED;
    object.trusted = false;
    assert_false(entry_name_make(5, "rest.jpg", &name));
    assert_int_equal(value_make_object(&name, &object, &value), 0);
    add(&out, &name, &value);
    char longer[ENTRY_NAME_PIECE + 10];
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    assert_true(entry_name_make(0, longer, &name));
    value_make_link(&name, 5, &value);
    add(&out, &name, &value);
    entry_name_make_own("note", &name);
    value_make_raw(&name, "how far", 7, &value);
    add(&out, &name, &value);
    golden_check_bytes("known-entries.hex", out.data, out.size);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(entries_keep_their_bytes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
