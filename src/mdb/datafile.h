/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of an LMDB file that may be damaged: its directory is locked, the file is checked page
 * by page (pages.h), brought to its full length, and only then mapped. All rooms open their files
 * here; what they do within a transaction are plain calls of LMDB.
 *
 *     datafile_init, datafile_lock, datafile_survey, datafile_map, ... datafile_close,
 * datafile_done
 *
 * One thread at a time, except for the pool of readers. Messages name the file by `what`. Errors
 * are those of datafile_failed().
 */
#ifndef SITU_MDB_DATAFILE_H
#define SITU_MDB_DATAFILE_H

#include <lmdb.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "mdb/pages.h"
#include "mdb/readers.h"

enum { DATAFILE_TEXT_SIZE = 96, DATAFILE_PATH_SIZE = 4096 - 32 };

struct datafile_options {
    const char *directory; /* copied */
    const char *what;      /* "the result cache"; borrowed */
    unsigned readers;      /* read transactions at once */
    bool readers_wait;     /* where all are in use */
    bool durable;          /* a power cut never undoes a commit; otherwise it may undo the last one,
                              as a whole */
};

struct datafile {
    struct datafile_options options;
    MDB_env *env; /* owned; NULL while it is not mapped */
    MDB_dbi dbi;
    int lock_fd; /* owned; the directory, locked against other processes; -1: not locked */
    uint64_t needed_bytes; /* as the survey found; 0: there is no file */
    struct readers readers;
    char directory[DATAFILE_PATH_SIZE];
};

struct datafile_entry {
    MDB_val name;
    MDB_val value;
};

struct datafile_size {
    uint64_t used_bytes; /* of pages in trees */
    uint64_t file_bytes; /* up to the last page ever used */
};

/* Opens nothing yet. A path that is empty or too long is ERROR_MALFORMED; ERROR_MEMORY. */
must_check int datafile_init(struct datafile *file, const struct datafile_options *options,
                             struct error *error);
/* Closes it, too. Zeros are fine. */
void datafile_done(struct datafile *file);

/* Makes the directory where it is absent. ERROR_CONFLICT: another process has it locked. */
must_check int datafile_lock(struct datafile *file, struct error *error);

/* Visits every entry and sets `needed_bytes`. -ENOENT without a message: no file, or nothing was
 * committed to it; -EBADMSG: damaged; other negative errnos: it cannot be read now, or what `visit`
 * returned. */
must_check int datafile_survey(struct datafile *file, pages_visit_fn visit, void *context,
                               struct error *error);

/* Maps the file that was surveyed, or makes a new one with the entry `first` (NULL: none) in place
 * of what is there. `limit_bytes` bounds the file and its address space; a file that is larger
 * keeps its size. A read transaction is bound to no thread (MDB_NOTLS). */
must_check int datafile_map(struct datafile *file, uint64_t limit_bytes,
                            const struct datafile_entry *first, struct error *error);

/* Waits for the readers; unmaps and unlocks. */
void datafile_close(struct datafile *file);

/* Removes the files of a locked directory that is not mapped. */
must_check int datafile_clear(struct datafile *file, struct error *error);

/* Renames the directory to DIRECTORY.damaged-1, an older one to -2, and removes the one before.
 * Where that fails, removes the files. Unlocks. */
must_check int datafile_set_aside(struct datafile *file, struct error *error);

/* Removes the files and then the directory, where that is empty. None there is fine.
 * ERROR_CONFLICT: another process has it locked. */
must_check int datafile_destroy(const char *directory, const char *what, struct error *error);

/* The last commit outlives a power cut once this has returned. */
must_check int datafile_sync(struct datafile *file, struct error *error);

struct datafile_size datafile_size(const struct datafile *file);

/* True where its disk is full or almost so: LMDB reports a write that was cut short as EIO. */
bool datafile_disk_is_full(const struct datafile *file);

/* Fills *error from what LMDB returned: ERROR_NO_SPACE (also where the limit is reached),
 * ERROR_MEMORY, ERROR_MALFORMED where it says that the file is damaged, otherwise ERROR_IO. */
int datafile_failed(const struct datafile *file, int code, const char *deed, struct error *error);

/* LMDB's text or errno's; returns the buffer. */
const char *datafile_error_text(int code, char *buffer, size_t size);

#endif
