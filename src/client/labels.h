/* SPDX-License-Identifier: Apache-2.0
 *
 * The label tables that a handle has fetched, by the digest of their model, so that a model
 * replaced under the same name never gets its predecessor's labels. Any thread.
 */
#ifndef SITU_CLIENT_LABELS_H
#define SITU_CLIENT_LABELS_H

#include "client/connection.h"
#include "client/names.h"

struct known_labels {
    struct known_labels *next;      /* owned */
    char *digest;                   /* owned */
    struct situ_label_table *table; /* owned */
};

/* The labels of `model`, fetched where they are not known, and the version that they belong to,
 * which is put into model->version. *ret_table is borrowed from the handle; NULL where the model
 * has none. */
must_check int labels_of(struct situ *array, struct model_name *model,
                         const struct situ_label_table **ret_table, struct situ_error *error);

void known_labels_free(struct known_labels *list);

#endif
