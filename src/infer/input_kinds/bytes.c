/* SPDX-License-Identifier: Apache-2.0
 *
 * An encoded image that came with the request.
 */
#include <string.h>

#include "base/limits.h"
#include "infer/input_kind.h"

static int read_bytes(const struct lane_context *context, struct infer_item *item, char *area,
                      struct message_run *run)
{
    (void)context;
    if (item->size_bytes > LIMIT_LANE_INPUT_BYTES) {
        return error_set(&item->error, ERROR_TOO_LARGE, "the image is larger than %llu bytes",
                         (unsigned long long)LIMIT_LANE_INPUT_BYTES);
    }
    memcpy(area, item->bytes, item->size_bytes);
    run->input_size = item->size_bytes;
    return 0;
}

const struct input_kind input_bytes = {
    .name = "bytes", .read = read_bytes, .prepare = input_prepare_image};
