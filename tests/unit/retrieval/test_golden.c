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
#include "retrieval/index_file.h"

static void index_file_keeps_its_bytes(void **state)
{
    (void)state;
    char root[] = "/tmp/situ-golden-XXXXXX";
    char store[] = "photos";
    char prefix[] = "2024/";
    char glob[] = "*.jpg";
    struct error error = {0};
    cleanup_buffer struct buffer text = BUFFER_INIT;
    const struct index_file file = {.spec = {.name = "photos-like",
                                             .model = "clip",
                                             .version = "1",
                                             .digest = "82d7",
                                             .select.store = store,
                                             .select.prefix = prefix,
                                             .select.glob = glob,
                                             .metric = INDEX_COSINE,
                                             .interval_s = 60},
                                    .number = 1,
                                    .last = 2,
                                    .next_number = 2,
                                    .next_model = "clip",
                                    .next_version = "2",
                                    .next_digest = "99"};
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
