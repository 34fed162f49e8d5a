/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of codecs has the rows of data/format_facts.h, in the same order.
 */
#include <setjmp.h> /* cmocka needs these four first */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "data/format_facts.h"
#include "media/codec.h"

static void each_codec_has_its_facts(void **state)
{
    (void)state;
    size_t i = 0;
    for (; codec_at(i); i++) {
        const struct codec *codec = codec_at(i);
        assert_non_null(format_facts_at(i));
        assert_string_equal(codec->format, format_facts_at(i)->name);
        assert_true(codec->open && codec->start && codec->read && codec->finish && codec->close &&
                    codec->trim);
    }
    assert_null(format_facts_at(i));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_codec_has_its_facts)};
    return cmocka_run_group_tests_name("codecs", tests, NULL, NULL);
}
