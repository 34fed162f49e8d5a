/* SPDX-License-Identifier: Apache-2.0
 *
 * Where results go: a table for people, CSV or JSON lines for programs, on stdout; embeddings as a
 * NumPy file. Failures are told on stderr by name. Keeps the progress bar out of the way. One
 * thread.
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
    enum sink_kind kind;       /* of the first result that was none of the failures */
    struct columns table;      /* SINK_TABLE, once there is a kind */
    bool table_open;
    struct npy_writer npy;   /* SINK_NPY */
    bool broken;             /* results cannot be taken any more; why has been told */
    bool unfit;              /* because the format is not for them */
    bool lost;               /* out of memory */
    bool names_may_be_files; /* of this machine, by mistake; set by who begins a run over names */
};

/* False for an unknown word. */
bool sink_format_parse(const char *word, enum sink_format *ret_format);

void sink_init(struct sink *sink, enum sink_format format, uint32_t top, struct progress *progress);

/* Takes one result, or one failure. */
void sink_give(struct sink *sink, const struct situ_result *result);

/* SINK_NPY, before the first result. 0, or a negative errno after telling why. */
int sink_open_file(struct sink *sink, const char *path, int delimiter);

/* Prints what still waits, so that nothing that was given is held back. */
void sink_flush(struct sink *sink);

/* The end; `whole`: nothing is missing. 0, or a negative errno, told where it is about a file. */
int sink_done(struct sink *sink, bool whole);

#endif
