/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes results: a table for people, CSV or JSON lines for programs, on stdout; embeddings as a
 * NumPy file. Failures are reported on stderr. Clears the progress bar before output. One thread.
 */
#ifndef SITU_CLI_SINK_H
#define SITU_CLI_SINK_H

#include <situ.h>
#include <stdbool.h>
#include <stdint.h>

#include "cli/columns.h"
#include "cli/npy_write.h"
#include "cli/progress.h"

enum sink_format { SINK_TABLE, SINK_JSONL, SINK_CSV, SINK_NPY };
enum sink_kind { SINK_NOTHING, SINK_CLASSES, SINK_EMBEDDINGS, SINK_OUTPUTS };

struct sink {
    enum sink_format format;
    uint32_t top;
    struct progress *progress; /* borrowed */
    enum sink_kind kind;       /* of the first result that did not fail */
    struct columns table;      /* SINK_TABLE, when the kind is known */
    bool table_open;
    struct npy_writer npy;   /* SINK_NPY */
    bool broken;             /* results can no longer be written; reported */
    bool unfit;              /* because the format does not fit them */
    bool lost;               /* out of memory */
    bool names_may_be_files; /* local ones, by mistake; set by the caller of a run over names */
};

/* False for an unknown word. */
bool sink_format_parse(const char *word, enum sink_format *ret_format);

void sink_init(struct sink *sink, enum sink_format format, uint32_t top, struct progress *progress);

/* Writes one result, or reports a failure. */
void sink_give(struct sink *sink, const struct situ_result *result);

/* SINK_NPY, before the first result. 0, or a negative errno after a message. */
int sink_open_file(struct sink *sink, const char *path, int delimiter);

/* Prints everything that is still held. */
void sink_flush(struct sink *sink);

/* The end; `whole`: nothing is missing. 0, or a negative errno, after a message if it is a file's.
 */
int sink_done(struct sink *sink, bool whole);

#endif
