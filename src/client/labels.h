/* SPDX-License-Identifier: Apache-2.0
 *
 * The label tables that a handle has fetched, by the digest of their model, so that a model that
 * was replaced under the same name does not get the labels of the old one. Any thread.
 */
#ifndef SITU_CLIENT_LABELS_H
#define SITU_CLIENT_LABELS_H

#include "client/connection.h"
#include "client/name_check.h"

struct known_labels {
    struct known_labels *next;      /* owned */
    char *digest;                   /* owned */
    struct situ_label_table *table; /* owned */
};

/* The labels of the model with that digest, fetched if necessary; `model` includes the version.
 * `check`: verify first that the version still has that digest. *ret_table is borrowed from the
 * handle; NULL if the model has no labels or no longer exists. */
must_check int labels_of(struct situ *array, const struct model_name *model, const char *digest,
                         bool check, const struct situ_label_table **ret_table,
                         struct situ_error *error);

void known_labels_free(struct known_labels *list);

#endif
