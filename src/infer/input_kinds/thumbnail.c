/* SPDX-License-Identifier: Apache-2.0
 *
 * An object of a store, of which a small JPEG is made. The model is not run.
 */
#include "infer/input_kind.h"

static void prepare(const struct infer_item *item, struct message_run *run)
{
    run->kind = RUN_THUMBNAIL;
    run->edge = item->edge;
}

const struct input_kind input_thumbnail = {
    .name = "thumbnail", .read = input_read_stored, .prepare = prepare};
