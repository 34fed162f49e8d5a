/* SPDX-License-Identifier: Apache-2.0
 *
 * How many inputs, outputs and initialisers the graph of an ONNX file lists, read before a session
 * is made: a session over a graph of many thousand outputs takes minutes. Pure.
 */
#ifndef SITU_ENGINE_ONNXRUNTIME_ONNX_COUNTS_H
#define SITU_ENGINE_ONNXRUNTIME_ONNX_COUNTS_H

#include <stddef.h>

#include "base/cleanup.h"

struct onnx_counts {
    size_t inputs; /* initialisers may be among them */
    size_t outputs;
    size_t initializers;
};

/* 0, or -EINVAL where the bytes are not an ONNX model (protobuf). */
must_check int onnx_counts_read(const void *data, size_t size, struct onnx_counts *ret_counts);

#endif
