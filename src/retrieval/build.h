/* SPDX-License-Identifier: Apache-2.0
 *
 * One build of an index: the directory N, its rows and how far they have got. Members marked "the
 * thread's" belong to the thread of the entry.
 */
#ifndef SITU_RETRIEVAL_BUILD_H
#define SITU_RETRIEVAL_BUILD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "index/index.h"
#include "jobs/jobs.h"
#include "retrieval/damaged_rows.h"
#include "retrieval/entry.h"
#include "retrieval/retrieval.h"

enum build_fate {
    BUILD_FEEDS,
    BUILD_STALLED, /* cannot continue for now, and retries: a full disk */
    BUILD_STOPPED, /* the same, but unlikely to end by itself: its job was cancelled */
    BUILD_LOST,    /* it no longer matches its job: a new build is filled beside it */
    BUILD_UNFIT    /* permanently: the model gives no embeddings */
};

/* How far a build is in the results of its job. The thread's. */
struct feed {
    struct jobs_reader *reader; /* owned; NULL: not attached */
    struct index_batch *batch;  /* owned; NULL: no index yet */
    bool noted;                 /* the index has a note: it belongs to `job` */
    uint64_t cursor;            /* lines taken, into the batch or before */
    uint64_t committed;
    uint64_t released; /* lines released in the log of the job */
    bool filled;       /* the first pass is complete, and all its lines were taken */
    bool filled_committed;
    bool lost;        /* it was found to be BUILD_LOST */
    bool needs_check; /* lines were read since the job was looked at */
    int64_t batch_ns; /* when the first line of the batch came; 0: it is empty */
    int64_t retry_ns; /* not tried before */
};

/* The repair of damaged rows. The thread's. */
struct repair {
    unsigned tries;   /* of the first row */
    int64_t retry_ns; /* not tried before */
};

/* The scrubber. The thread's. */
struct verify {
    uint64_t position;
    int64_t due_ns;
};

struct build {
    struct entry *entry;         /* referenced */
    atomic_uint references;      /* held by the entry, each use */
    struct retrieval_spec spec;  /* owned; constant */
    uint64_t number;             /* constant */
    atomic_bool discard;         /* its files are removed with the last reference */
    struct damaged_rows damaged; /* has its own lock */
    struct feed feed;
    struct repair repair;
    struct verify verify;
    atomic_uint_fast64_t
        taken;   /* lines of the job that are committed; UINT64_MAX during a commit */
    bool opened; /* the thread's: it was opened; `index` is NULL if there is none on disk */

    /* Written by the thread only, with the table locked. */
    struct index *index; /* owned; NULL until the first embedding */
    char job[JOB_ID_SIZE];
    enum build_fate fate;
    struct error reason;
    bool filled;
};

/* Takes ownership of the contents of `spec` in any case. */
must_check int build_new(struct entry *entry, struct retrieval_spec *spec, uint64_t number,
                         const char *job, struct build **ret_build);
struct build *build_ref(struct build *build);
/* The last one closes the index, and removes its files if `discard` is set. NULL is fine. */
void build_unref(struct build *build);
static inline void cleanup_build_function(struct build **build)
{
    build_unref(*build);
}
#define cleanup_build __attribute__((cleanup(cleanup_build_function)))

/* The thread: closes the reader and drops what is not committed. */
void build_detach(struct build *build);

char *build_path(struct build *build); /* the caller frees it; NULL: no memory */
/* The thread: opens the index. Errors of index_open except ERROR_NOT_FOUND. */
must_check int build_open(struct build *build, struct error *error);
/* The thread: creates the index. */
must_check int build_make(struct build *build, uint32_t dimension, struct error *error);
void build_set_fate(struct build *build, enum build_fate fate, const struct error *reason);
void build_set_job(struct build *build, const char *job);
void build_set_filled(struct build *build);
/* The key of an object of this build's store; NULL: it is of another store. */
const char *build_key(const struct build *build, const char *object);

#endif
