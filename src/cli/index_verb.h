/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of `situ index` share. One thread.
 */
#ifndef SITU_CLI_INDEX_VERB_H
#define SITU_CLI_INDEX_VERB_H

#include "cli/cli.h"
#include "cli/progress.h"
#include "cli/select.h"

struct index_verb {
    struct cli *cli; /* borrowed */
    struct situ_index_options options;
    struct select_words select;
    bool exclude_defaults; /* of a rebuild */
    const char *model;
    const char *store;
    const char *prefix;
    const char *names; /* the file of names for an import; NULL: the default */
    int delimiter;     /* of names */
    bool wait;
    bool json;
    bool no_progress;
};

/* In index_rows.c; each returns the exit status. */
int index_export(const struct index_verb *verb, const char *name, const char *path);
int index_import(const struct index_verb *verb, const char *name, const char *path);

#endif
