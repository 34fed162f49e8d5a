/* SPDX-License-Identifier: Apache-2.0
 *
 * CRC-32C against the published values (RFC 3720, B.4), with and without the processor's help.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/crc32c.h"

static void the_published_values_come_out(void **state)
{
    (void)state;
    uint8_t bytes[32] = {0};
    assert_int_equal(crc32c_add(0, bytes, sizeof bytes), 0x8a9136aa);
    memset(bytes, 0xff, sizeof bytes);
    assert_int_equal(crc32c_add(0, bytes, sizeof bytes), 0x62a8ab43);
    for (uint8_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = i;
    }
    assert_int_equal(crc32c_add(0, bytes, sizeof bytes), 0x46dd794e);
    assert_int_equal(crc32c_add(0, "123456789", 9), 0xe3069283);
}

static void both_ways_agree_at_any_length_and_in_pieces(void **state)
{
    (void)state;
    uint8_t bytes[100];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i * 37 + 11);
    }
    for (size_t from = 0; from < 9; from++) {
        for (size_t size = 0; from + size <= sizeof bytes; size++) {
            uint32_t whole = crc32c_add(0, bytes + from, size);
            assert_int_equal(whole, crc32c_add_plain(0, bytes + from, size));
            uint32_t half = crc32c_add(0, bytes + from, size / 2);
            assert_int_equal(whole, crc32c_add(half, bytes + from + size / 2, size - size / 2));
        }
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_values_come_out),
        cmocka_unit_test(both_ways_agree_at_any_length_and_in_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
