/* SPDX-License-Identifier: Apache-2.0
 *
 * Texts with tensors in them: the same bytes for any size of the reader's buffer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "data/pieces.h"
#include "data/tensor_json.h"

enum { COUNT = 20000 };

static int32_t numbers[COUNT];

static void fill(struct pieces *pieces)
{
    static const char raw[] = "raw\0bytes";
    for (int32_t i = 0; i < COUNT; i++) {
        numbers[i] = (i - COUNT / 2) * 1001;
    }
    buffer_append_text(&pieces->text, "{\"a\":");
    pieces_add_numbers(pieces, DATATYPE_INT32, numbers, COUNT);
    buffer_append_text(&pieces->text, ",\"none\":");
    pieces_add_numbers(pieces, DATATYPE_FP32, numbers, 0);
    pieces_add_bytes(pieces, raw, sizeof raw - 1);
    pieces_add_bytes(pieces, raw, 0);
    buffer_append_text(&pieces->text, "}");
}

static void expected(struct buffer *out)
{
    buffer_append_text(out, "{\"a\":");
    tensor_json_write(out, DATATYPE_INT32, numbers, COUNT);
    buffer_append_text(out, ",\"none\":[]");
    buffer_append(out, "raw\0bytes", 9);
    buffer_append_text(out, "}");
}

static void the_bytes_are_the_same_for_any_room(void **state)
{
    static const size_t rooms[] = {1, 7, 4096, 1 << 20};
    (void)state;
    struct pieces pieces = PIECES_INIT;
    cleanup_buffer struct buffer whole = BUFFER_INIT;
    fill(&pieces);
    expected(&whole);
    for (size_t i = 0; i < sizeof rooms / sizeof rooms[0]; i++) {
        static char block[1 << 20];
        cleanup_buffer struct buffer read = BUFFER_INIT;
        struct pieces_reader reader;
        long size = 0;
        pieces_reader_init(&reader, &pieces);
        while ((size = pieces_read(&reader, block, rooms[i])) > 0) {
            assert_true((size_t)size <= rooms[i]);
            buffer_append(&read, block, (size_t)size);
        }
        assert_int_equal(size, 0);
        assert_int_equal(pieces_read(&reader, block, rooms[i]), 0);
        pieces_reader_done(&reader);
        assert_int_equal(read.size, whole.size);
        assert_memory_equal(read.data, whole.data, whole.size);
    }
    size_t size = 0;
    assert_int_equal(pieces_size(&pieces, &size), 0);
    assert_int_equal(size, whole.size);
    pieces_done(&pieces);
}

static void nothing_is_read_of_nothing(void **state)
{
    (void)state;
    struct pieces pieces = PIECES_INIT;
    struct pieces_reader reader;
    char byte = 0;
    pieces_reader_init(&reader, &pieces);
    assert_int_equal(pieces_read(&reader, &byte, 1), 0);
    pieces_reader_done(&reader);
    pieces_done(&pieces);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bytes_are_the_same_for_any_room),
        cmocka_unit_test(nothing_is_read_of_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
