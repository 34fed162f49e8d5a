/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening an LMDB data file that may be damaged: it is looked at page by page (pages.h), brought to
 * its full length, and only then mapped. The directory is locked and prepared before, by files.h.
 * Any thread, but one at a time a directory.
 */
#ifndef SITU_MDB_DATAFILE_H
#define SITU_MDB_DATAFILE_H

#include <lmdb.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "mdb/pages.h"

enum { DATAFILE_TEXT_SIZE = 96 };

struct datafile_options {
    const char *directory;
    const char *what;      /* for messages: "the result cache" */
    uint64_t limit_bytes;  /* of the file and of the address space */
    uint64_t needed_bytes; /* as the survey has found; 0 for a new file */
    unsigned readers;      /* transactions that read at once */
};

/* 0, with every entry visited; -ENOENT where there is no file, or an empty one; -EBADMSG where it
 * is damaged; other negative errnos where it cannot be read now. */
must_check int datafile_survey(const char *directory, pages_visit_fn visit, void *context,
                               struct pages_summary *ret_summary, struct error *error);

/* Opens the environment. Each commit is synchronous but for the meta page (MDB_NOMETASYNC): after a
 * power cut the last one may be undone, and the file is whole all the same. A read transaction
 * belongs to whoever has it, not to a thread (MDB_NOTLS). Errors: as of datafile_failed(). */
must_check int datafile_map(const struct datafile_options *options, MDB_env **ret_env,
                            struct error *error);

/* Fills *error from what LMDB returned: ERROR_NO_SPACE (also where the limit is reached),
 * ERROR_MEMORY, ERROR_MALFORMED where it says that the file is damaged, else ERROR_IO. */
int datafile_failed(struct error *error, int code, const char *what, const char *deed);

/* LMDB's word or errno's; returns the buffer. */
const char *datafile_error_text(int code, char *buffer, size_t size);

#endif
