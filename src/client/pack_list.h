/* SPDX-License-Identifier: Apache-2.0
 *
 * Which files of a directory belong to a model package. One thread at a time.
 */
#ifndef SITU_CLIENT_PACK_LIST_H
#define SITU_CLIENT_PACK_LIST_H

#include "client/pack.h"

/* Fills pack->files, sorted by name. */
must_check int pack_list(struct pack *pack, const char *path, struct situ_error *error);

#endif
