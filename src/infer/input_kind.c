/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of the kinds of inputs.
 */
#include "infer/input_kind.h"

const struct input_kind *const input_kinds[ITEM_KINDS] = {
    [ITEM_STORED] = &input_stored,
    [ITEM_BYTES] = &input_bytes,
    [ITEM_TENSORS] = &input_tensors,
    [ITEM_THUMBNAIL] = &input_thumbnail,
};
