/* SPDX-License-Identifier: Apache-2.0
 *
 * The kinds of inputs: how a lane brings an item's input into the shared buffer, and what it asks
 * the worker to do with it. A kind is a row of input_kinds and a file in infer/input_kinds/. Runs
 * on lanes' threads.
 */
#ifndef SITU_INFER_INPUT_KIND_H
#define SITU_INFER_INPUT_KIND_H

#include "base/cleanup.h"
#include "infer/item.h"
#include "infer/lanes.h"
#include "wire/message.h"

struct input_kind {
    const char *name;

    /* Brings the input into `area`, which has LIMIT_LANE_INPUT_BYTES, and fills run->input_size. An
     * item that the result cache has an answer for is `cached` then, and needs no run. The error
     * becomes the item's. */
    int (*read)(const struct lane_context *context, struct infer_item *item, char *area,
                struct message_run *run);

    /* Fills the rest of the message, but the outputs. */
    void (*prepare)(const struct infer_item *item, struct message_run *run);
};

extern const struct input_kind input_stored;
extern const struct input_kind input_bytes;
extern const struct input_kind input_tensors;
extern const struct input_kind input_thumbnail;

/* By enum item_kind. */
extern const struct input_kind *const input_kinds[ITEM_KINDS];

/* What several kinds do; for the files of infer/input_kinds/. */

/* An object that is being read. */
struct input_reading {
    void *bytes;
    size_t capacity;
    size_t size; /* filled, as the next one */
    struct identity identity;
    const struct lane_context *context; /* borrowed; of input_read_object() */
    bool waited;                        /* for a disk, and `waiting` was called */
};

must_check int input_read_object(const struct lane_context *context, struct store *store,
                                 const char *key, struct input_reading *reading,
                                 struct error *error);

/* The `read` of an object that is an encoded image, and the `prepare` of an image for the model. */
must_check int input_read_stored(const struct lane_context *context, struct infer_item *item,
                                 char *area, struct message_run *run);
void input_prepare_image(const struct infer_item *item, struct message_run *run);

#endif
