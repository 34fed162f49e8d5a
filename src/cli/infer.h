/* SPDX-License-Identifier: Apache-2.0
 *
 * What `situ infer` knows while it runs, shared by its ways: stored objects, and local files. One
 * thread.
 */
#ifndef SITU_CLI_INFER_H
#define SITU_CLI_INFER_H

#include "cli/cli.h"
#include "cli/follow.h"
#include "cli/name_list.h"
#include "cli/select.h"

struct infer {
    struct cli *cli; /* borrowed */
    const char *model;
    struct name_list names;
    struct situ_run_options options; /* of every request and job */
    struct select_words select;
    bool upload;
    bool detach;
    struct follow follow;
};

/* Takes a fault of one object: as its failure, or, where the next object would meet it too, by
 * saying so and stopping. */
void infer_fail(struct infer *infer, const char *object, const struct situ_error *error);

/* infer_upload.c: sends every named local file. */
void infer_upload(struct infer *infer);

#endif
