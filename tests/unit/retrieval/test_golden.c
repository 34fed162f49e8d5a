/* SPDX-License-Identifier: Apache-2.0
 *
 * index.json, byte for byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../golden.h"
#include "base/tree.h"
#include "base/whole_file.h"
#include "sample_file.h"

static void index_file_keeps_its_bytes(void **state)
{
    (void)state;
    char root[] = "/tmp/situ-golden-XXXXXX";
    char prefix[] = "2024/";
    struct error error = {0};
    cleanup_buffer struct buffer text = BUFFER_INIT;
    const struct index_file file = sample_file(prefix);
    assert_non_null(mkdtemp(root));
    assert_int_equal(index_file_write(root, &file, &error), 0);
    assert_int_equal(whole_file_load(root, "index.json", 65536, &text, &error), 0);
    golden_check_text("index.json", text.data, text.size);
    tree_remove(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(index_file_keeps_its_bytes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
