/* SPDX-License-Identifier: Apache-2.0
 *
 * What the table does with an uploaded list of names: see struct jobs_keys.
 */
#ifndef SITU_JOBS_KEYS_UPLOAD_H
#define SITU_JOBS_KEYS_UPLOAD_H

#include "base/cleanup.h"
#include "base/error.h"

struct jobs_keys;

/* Completes the list and moves it into the job's directory, which the caller syncs. The errors
 * of the list, ERROR_NO_SPACE, ERROR_IO. */
must_check int keys_upload_place(struct jobs_keys *keys, const char *directory,
                                 struct error *error);

#endif
