/* SPDX-License-Identifier: Apache-2.0
 *
 * What `situ infer` knows while it runs, shared by its ways: stored objects, and local files. One
 * thread.
 */
#ifndef SITU_CLI_INFER_H
#define SITU_CLI_INFER_H

#include "cli/cli.h"
#include "cli/figures.h"
#include "cli/names.h"
#include "cli/progress.h"
#include "cli/sink.h"

struct infer {
    struct cli *cli; /* borrowed */
    const char *model;
    struct names names;
    enum sink_format format;
    uint32_t top;
    bool upload;
    bool quiet;
    bool no_progress;
    int delimiter; /* of names on stdin */

    struct progress progress;
    struct sink sink;
    struct closing closing;
    uint64_t total; /* objects of the parts begun so far */
    bool stopped;   /* by a fault that the next object would meet, too */
};

/* Gives a result to the sink and counts it. */
void infer_give(struct infer *infer, const struct situ_result *result);

/* Takes a fault of one object: as its failure, or, where the next object would meet it too, by
 * saying so and setting `stopped`. */
void infer_fail(struct infer *infer, const char *object, const struct situ_error *error);

/* upload.c: sends every named local file. */
void infer_upload(struct infer *infer);

#endif
