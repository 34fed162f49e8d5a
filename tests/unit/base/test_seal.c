/* SPDX-License-Identifier: Apache-2.0
 *
 * A checksum written as blanks: it is removed exactly as it was appended, and readers without seals
 * ignore it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/seal.h"

static struct buffer sealed(const char *text)
{
    struct buffer buffer = BUFFER_INIT;
    buffer_append_text(&buffer, text);
    seal_append(&buffer);
    return buffer;
}

static void a_seal_is_blanks_and_comes_off(void **state)
{
    static const char *const texts[] = {"", "{}\n", "x", "{\"a\":1}   \n", "\n\n\n"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        cleanup_buffer struct buffer buffer = sealed(texts[i]);
        assert_int_equal(buffer.size, strlen(texts[i]) + SEAL_SIZE);
        assert_int_equal(strspn(buffer_text(&buffer) + strlen(texts[i]), " \t\n"), SEAL_SIZE);
        assert_int_equal(seal_take(&buffer), 0);
        assert_string_equal(buffer_text(&buffer), texts[i]);
    }
}

static void each_flipped_bit_is_seen_or_makes_it_no_blank(void **state)
{
    cleanup_buffer struct buffer buffer = sealed("{\"a\":1}\n");
    size_t size = buffer.size;
    (void)state;
    for (size_t i = 0; i < size; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            buffer.data[i] = (char)(buffer.data[i] ^ 1 << bit);
            char changed = buffer.data[i];
            int r = seal_take(&buffer);
            bool blank = strchr(" \t\r\n", changed) != NULL && changed != '\0';
            bool of_text = i < size - SEAL_SIZE;
            assert_int_equal(r, of_text || blank ? -EBADMSG : 0);
            assert_int_equal(buffer.size, r == 0 ? size : size - SEAL_SIZE);
            buffer.size = size;
            buffer.data[i] = (char)(buffer.data[i] ^ 1 << bit);
        }
    }
    assert_int_equal(seal_take(&buffer), 0);
}

static void text_without_one_is_left_alone(void **state)
{
    static const char *const texts[] = {"", "{}", "{}\n", "{}\n                              \n"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        cleanup_buffer struct buffer buffer = BUFFER_INIT;
        buffer_append_text(&buffer, texts[i]);
        assert_int_equal(seal_take(&buffer), 0);
        assert_int_equal(buffer.size, strlen(texts[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_seal_is_blanks_and_comes_off),
        cmocka_unit_test(each_flipped_bit_is_seen_or_makes_it_no_blank),
        cmocka_unit_test(text_without_one_is_left_alone),
    };
    return cmocka_run_group_tests_name("base/seal", tests, NULL, NULL);
}
