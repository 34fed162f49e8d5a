/* SPDX-License-Identifier: Apache-2.0
 *
 * Fields of ModelProto and GraphProto (onnx.proto), of which only the numbers and lengths are read.
 */
#include "engine/onnxruntime/onnx_counts.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

enum { MODEL_GRAPH = 7, GRAPH_INITIALIZER = 5, GRAPH_INPUT = 11, GRAPH_OUTPUT = 12 };
enum { GRAPH_SPARSE_INITIALIZER = 15 };
enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5, VARINT_BYTES = 10 };

struct span {
    const uint8_t *at;
    size_t left;
};

struct field {
    uint64_t number;
    struct span content; /* WIRE_BYTES; empty for others */
};

static bool read_varint(struct span *from, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < VARINT_BYTES && from->left > 0; i++) {
        uint8_t byte = *from->at++;
        from->left--;
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (!(byte & 0x80)) {
            *ret_value = value;
            return true;
        }
    }
    return false;
}

static bool read_field(struct span *from, struct field *ret_field)
{
    uint64_t tag = 0;
    uint64_t length = 0;
    if (!read_varint(from, &tag)) {
        return false;
    }
    *ret_field = (struct field){.number = tag >> 3};
    switch (tag & 7) {
    case WIRE_VARINT:
        return read_varint(from, &length);
    case WIRE_64:
        length = 8;
        break;
    case WIRE_32:
        length = 4;
        break;
    case WIRE_BYTES:
        if (!read_varint(from, &length) || length > from->left) {
            return false;
        }
        ret_field->content = (struct span){from->at, (size_t)length};
        break;
    default:
        return false;
    }
    if (length > from->left) {
        return false;
    }
    from->at += length;
    from->left -= (size_t)length;
    return true;
}

static bool count_graph(struct span graph, struct onnx_counts *counts)
{
    struct field field;
    while (graph.left > 0) {
        if (!read_field(&graph, &field)) {
            return false;
        }
        counts->inputs += field.number == GRAPH_INPUT;
        counts->outputs += field.number == GRAPH_OUTPUT;
        counts->initializers +=
            field.number == GRAPH_INITIALIZER || field.number == GRAPH_SPARSE_INITIALIZER;
    }
    return true;
}

int onnx_counts_read(const void *data, size_t size, struct onnx_counts *ret_counts)
{
    struct onnx_counts counts = {0};
    struct span model = {data, size};
    struct field field;
    while (model.left > 0) {
        if (!read_field(&model, &field) ||
            (field.number == MODEL_GRAPH && !count_graph(field.content, &counts))) {
            return -EINVAL;
        }
    }
    *ret_counts = counts;
    return 0;
}
