/* SPDX-License-Identifier: Apache-2.0
 *
 * One result object of the array as the public struct situ_result, with its memory. Reused for one
 * result after another. One thread at a time.
 */
#ifndef SITU_CLIENT_CLIENT_RESULT_H
#define SITU_CLIENT_CLIENT_RESULT_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/pool.h"

#include "base/json.h"
#include "client/fail.h"
#include "data/result.h"

struct client_result {
    struct situ_result result; /* first, so that situ_result_free finds the rest */
    struct json *root;         /* owned; what `wire` borrows from */
    struct result wire;
    bool wire_set;
    struct buffer name;         /* an encoded name: the text, then the bytes */
    struct pool gone_name;      /* owned; an encoded name of an object that is gone */
    struct situ_class *classes; /* owned, as the next two */
    size_t class_capacity;
    struct situ_tensor *outputs;
    size_t output_capacity;
};

/* Makes *held the result in `root`, which it owns, also after a failure. Labels that the line does
 * not have come from `table` (borrowed while the result lives; may be NULL). SITU_PROTOCOL,
 * SITU_MEMORY. */
must_check int client_result_take(struct client_result *held, struct json *root,
                                  const struct situ_label_table *table, struct situ_error *error);

/* Makes it the failure of an object that was not sent. The texts are borrowed. */
must_check int client_result_refuse(struct client_result *held, const char *object,
                                    const char *message, struct situ_error *error);

/* Frees what the struct owns, and zeroes it. */
void client_result_done(struct client_result *held);

#endif
