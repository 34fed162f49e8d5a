/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: the part of an ONNX file that is read before ONNX Runtime gets it.
 */
#include <stdlib.h>

#include "engine/onnxruntime/onnx_counts.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct onnx_counts counts = {0};
    if (onnx_counts_read(data, size, &counts) == 0 &&
        counts.inputs + counts.outputs + counts.initializers > size) {
        abort();
    }
    return 0;
}
