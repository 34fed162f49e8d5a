/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of formats' facts.
 */
#include <setjmp.h> /* cmocka needs these four first */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "data/format_facts.h"

static void each_row_is_found_by_its_name_and_its_suffixes(void **state)
{
    (void)state;
    size_t count = 0;
    for (const struct format_facts *row = NULL; (row = format_facts_at(count)); count++) {
        assert_ptr_equal(format_facts_find(row->name), row);
        assert_non_null(strstr(row->kind, row->name));
        assert_int_equal(strncmp(row->content_type, "image/", 6), 0);
        assert_non_null(row->suffixes[0]);
        for (size_t i = 0; row->suffixes[i]; i++) {
            assert_ptr_equal(format_facts_of_suffix(row->suffixes[i]), row);
        }
        assert_true(row->edge_max > 0 && row->pixels_max > 0);
    }
    assert_true(count >= 3);
    assert_null(format_facts_find("TIFF"));
    assert_null(format_facts_of_suffix("tif"));
}

static void bytes_tell_the_format(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *bytes;
        size_t size; /* the fewest that identify it */
    } files[] = {{"JPEG", "\xff\xd8\xff", 3},
                 {"PNG", "\x89PNG\r\n\x1a\n", 8},
                 {"WebP", "RIFF\x10\0\0\0WEBPVP8L", 16}};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        size_t index = 99;
        const struct format_facts *row = format_facts_sniff(files[i].bytes, files[i].size, &index);
        assert_non_null(row);
        assert_string_equal(row->name, files[i].name);
        assert_ptr_equal(format_facts_at(index), row);
        assert_null(format_facts_sniff(files[i].bytes, files[i].size - 1, &index));
    }
}

static void all_names_make_a_phrase(void **state)
{
    (void)state;
    char names[FORMAT_NAMES_SIZE];
    assert_string_equal(format_facts_names(names), "JPEG, PNG or WebP");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row_is_found_by_its_name_and_its_suffixes),
        cmocka_unit_test(bytes_tell_the_format),
        cmocka_unit_test(all_names_make_a_phrase),
    };
    return cmocka_run_group_tests_name("format_facts", tests, NULL, NULL);
}
