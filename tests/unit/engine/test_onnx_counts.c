/* SPDX-License-Identifier: Apache-2.0
 *
 * Counts the entries of a graph: fields of every wire type, several graphs, and malformed bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/onnxruntime/onnx_counts.h"

/* ir_version 8; producer "x"; a graph of a node, a name, an initialiser, two inputs, one output and
 * fields of 8 and 4 bytes that no version has. */
#define GRAPH                                                                                      \
    "\x0a\x02\x22\x00"                                                                             \
    "\x12\x01g"                                                                                    \
    "\x2a\x00"                                                                                     \
    "\x5a\x03\x0a\x01\x61"                                                                         \
    "\x5a\x03\x0a\x01\x62"                                                                         \
    "\x62\x03\x0a\x01\x79"                                                                         \
    "\xf9\x01"                                                                                     \
    "12345678"                                                                                     \
    "\xfd\x01"                                                                                     \
    "1234"                                                                                         \
    "\x7a\x00"
static const char model[] = "\x08\x08\x12\x01x\x3a\x2a" GRAPH;

enum { MODEL_SIZE = sizeof model - 1, GRAPH_AT = 7 };

static void what_a_graph_lists_is_counted(void **state)
{
    (void)state;
    struct onnx_counts counts = {0};
    assert_int_equal(model[GRAPH_AT - 1], MODEL_SIZE - GRAPH_AT);
    assert_int_equal(onnx_counts_read(model, MODEL_SIZE, &counts), 0);
    assert_int_equal(counts.inputs, 2);
    assert_int_equal(counts.outputs, 1);
    assert_int_equal(counts.initializers, 2); /* one of them sparse */
}

/* Protobuf merges a message that arrives in pieces. */
static void graphs_in_pieces_are_added_up(void **state)
{
    (void)state;
    char twice[2 * MODEL_SIZE];
    struct onnx_counts counts = {0};
    memcpy(twice, model, MODEL_SIZE);
    memcpy(twice + MODEL_SIZE, model, MODEL_SIZE);
    assert_int_equal(onnx_counts_read(twice, sizeof twice, &counts), 0);
    assert_int_equal(counts.outputs, 2);
    assert_int_equal(onnx_counts_read("", 0, &counts), 0);
    assert_int_equal(counts.outputs, 0);
}

static void what_is_cut_or_no_model_is_refused(void **state)
{
    (void)state;
    struct onnx_counts counts = {.outputs = 7};
    static const struct {
        const char *bytes;
        size_t size;
    } bad[] = {
        {"\x3a", 1},
        {"\x3a\x05\x62", 3},
        {"\x3a\x02\x62\x05", 4},
        {"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11},
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12},
        {"\x0b", 1},         /* a group */
        {"\x09\x01\x02", 3}, /* eight bytes announced, two present */
        {"\x0d\x01\x02", 3}, /* four */
        {"\x3a\x01\x08", 3}, /* a number's tag without the number, in the graph */
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_true(onnx_counts_read(bad[i].bytes, bad[i].size, &counts) < 0);
    }
    for (size_t size = GRAPH_AT; size < MODEL_SIZE; size++) {
        assert_true(onnx_counts_read(model, size, &counts) < 0);
    }
    assert_int_equal(counts.outputs, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_graph_lists_is_counted),
        cmocka_unit_test(graphs_in_pieces_are_added_up),
        cmocka_unit_test(what_is_cut_or_no_model_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
