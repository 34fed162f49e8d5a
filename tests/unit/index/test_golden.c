/* SPDX-License-Identifier: Apache-2.0
 *
 * The records of an index, byte for byte.
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
#include "index/records.h"

static void add(struct buffer *out, const struct record_key *key, const struct record_value *value)
{
    buffer_append(out, key->bytes, key->size);
    buffer_append(out, value->bytes, value->size);
}

static void records_keep_their_bytes(void **state)
{
    (void)state;
    cleanup_buffer struct buffer out = BUFFER_INIT;
    struct record_key key;
    struct record_value value;
    const struct record_head head = {.format = RECORDS_FORMAT,
                                     .shape = {96, INDEX_COSINE},
                                     .id = 0x1122334455667788,
                                     .generation = 3,
                                     .next_number = 9,
                                     .next_node = 4,
                                     .slots = 8,
                                     .live = 7};
    record_head_key(&key);
    record_head_encode(&head, &value);
    add(&out, &key, &value);
    record_entry_key(2, "photos/a.jpg", 12, &key);
    record_entry_encode(&key, &(struct record_entry){.slot = 5, .child = 3}, &value);
    add(&out, &key, &value);
    record_slot_key(5, &key);
    record_slot_encode(
        &key, &(struct record_slot){.live = true, .tag = 42, .key = "photos/a.jpg", .key_size = 12},
        &value);
    add(&out, &key, &value);
    record_slot_encode(&key, &(struct record_slot){.live = false, .freed = 2}, &value);
    add(&out, &key, &value);
    record_note_key(&key);
    record_note_encode("how far", 7, &value);
    add(&out, &key, &value);
    golden_check_bytes("index-records.hex", out.data, out.size);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(records_keep_their_bytes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
