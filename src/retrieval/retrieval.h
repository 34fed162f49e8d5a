/* SPDX-License-Identifier: Apache-2.0
 *
 * Indexes that keep themselves up to date: each is fed by a standing job over a selection with a
 * feature-extraction model, or was imported. This room joins jobs (new, changed and gone objects,
 * with embeddings) and index (rows and search); the daemon turns a query image into a vector.
 *
 * On disk, beneath `directory`: NAME/index.json (what was asked for; replaced atomically), NAME/N/
 * (the files of the index, N counts rebuilds). A crash during a creation or a removal leaves
 * `.new-*`, `.old-*`, or an N that index.json does not name; the next start removes these.
 *
 * Feeding: a feeder reads the results of the job and commits them to the index in batches, with the
 * cursor of the job as the note of the batch. After a crash it continues there: no result is
 * applied twice or left out. A failure or `gone` line removes the key. Committed results are
 * released (jobs_release), so that the log does not grow with the index. The token of the job is
 * `index.NAME.N`: created again after a crash, it is the same job.
 *
 * Keys: in a fed index, the key of a row is that of the object, without the name of its store; in
 * an imported one it is the name as it was given (retrieval_use_key, retrieval_use_name).
 *
 * Repair: for a damaged row, the host is asked for a fresh inference (embed), and the row is
 * written again. An index with damaged keys (ERROR_MALFORMED) is renamed (NAME/N.damaged, only the
 * last one is kept) and filled again, mostly from the result cache. If index and job no longer
 * match (the job was removed, or has lost its table of known objects and thus the objects that are
 * gone), a new build is filled beside it and swapped in, as in a rebuild; searches use the old one
 * until then.
 *
 * Any thread.
 */
#ifndef SITU_RETRIEVAL_RETRIEVAL_H
#define SITU_RETRIEVAL_RETRIEVAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/limits.h"
#include "index/index.h"
#include "jobs/jobs.h"
#include "rights/access.h"
#include "rights/reach.h"

struct retrieval;

enum {
    /* Who has one of these for an object may know of the indexes that could have it ... */
    RETRIEVAL_RIGHTS = RIGHT_SEARCH | RIGHT_INDEXES | RIGHT_RESULTS,
    /* ... and with one of these look at them. */
    RETRIEVAL_RIGHTS_TO_SHOW = RIGHT_SEARCH | RIGHT_INDEXES,
};

struct retrieval_spec {
    char name[LIMIT_MODEL_NAME + 1];
    char model[LIMIT_MODEL_NAME + 1]; /* "": imported, without a model */
    char version[JOB_VERSION_SIZE];   /* "": the newest at creation */
    char digest[JOB_DIGEST_SIZE];
    struct selection select; /* owned; without a store: imported */
    enum index_metric metric;
    uint32_t interval_s;
};

enum retrieval_state { RETRIEVAL_FILLING, RETRIEVAL_READY, RETRIEVAL_PAUSED, RETRIEVAL_FAILED };

struct retrieval_info {
    struct retrieval_spec spec; /* owned: retrieval_info_done() */
    enum retrieval_state state;
    struct error reason; /* of a failed or paused index; of a ready one, of its last rebuild */
    uint32_t dimension;  /* 0: unknown */
    char job[JOB_ID_SIZE];
    struct index_status index;
    bool selected_known;
    uint64_t selected;
    struct left_out left_out; /* by the selection of the job */
    uint64_t failed;          /* objects of the selection without a row, as far as known */
    bool whole;               /* the caller may see all objects of the index, and so counts */
    bool has_next;            /* a rebuild is in progress */
    char next_model[LIMIT_MODEL_NAME + 1];
    char next_version[JOB_VERSION_SIZE];
    uint64_t next_rows;
    uint64_t next_selected;
};
void retrieval_info_done(struct retrieval_info *info);

struct retrieval_embed_request {
    const struct retrieval_spec *spec;
    const char *object;
    /* Any thread: true when the index ends, and the vector is not needed any more. */
    bool (*is_given_up)(void *owner);
    void *owner;
};

struct retrieval_host {
    void *context;
    /* The vector of a stored object under the pinned model, by a new inference that uses no
     * cache; the caller frees *ret_vector. Blocks the thread of the index, which feeds nothing
     * meanwhile, and for which retrieval_stop and retrieval_remove wait: it goes before jobs,
     * and returns ERROR_CANCELLED soon after it is given up. NULL: rows are not repaired. */
    int (*embed)(void *context, const struct retrieval_embed_request *request, float **ret_vector,
                 uint32_t *ret_dimension, struct error *error);
};

struct retrieval_options {
    const char *directory; /* created if missing; NULL: no index can be created */
    struct jobs *jobs;     /* borrowed */
    struct retrieval_host host;
    uint32_t verify_ms; /* between two slices of the scrubber while the thread is idle; 0: 5,000 */
};

/* For jobs_options.adopt: earlier versions gave the jobs of indexes a priority below all others,
 * and an index was not fed while other jobs were running. */
void retrieval_adopt_job(struct job_spec *spec);

/* Loads the existing indexes and continues feeding. An index that cannot be opened is listed as
 * failed with the reason. */
must_check int retrieval_open(const struct retrieval_options *options,
                              struct retrieval **ret_retrieval, struct error *error);
/* Stops the threads of all indexes. Before jobs_close. */
void retrieval_stop(struct retrieval *retrieval);
void retrieval_close(struct retrieval *retrieval); /* with no index in use; NULL is fine */

/* ERROR_CONFLICT: the name is taken; ERROR_UNFIT: the model gives no embeddings (known at its
 * first result, if not before); those of jobs_create. */
must_check int retrieval_create(struct retrieval *retrieval, const struct retrieval_spec *spec,
                                struct retrieval_info *ret_info, struct error *error);
/* What follows is done for a caller: of an index without any object that the caller has one of
 * RETRIEVAL_RIGHTS for, the answer is that of a name that does not exist, ERROR_NOT_FOUND;
 * ERROR_FORBIDDEN where the right is missing. Any part of an index is enough to look at it. */
must_check int retrieval_get(struct retrieval *retrieval, const struct access *access,
                             const char *name, struct retrieval_info *ret_info,
                             struct error *error);
/* Those that the caller may look at. */
must_check int retrieval_list(struct retrieval *retrieval, const struct access *access,
                              struct retrieval_info **ret_infos, size_t *ret_count);
/* Part of /metrics: of those that the caller sees wholly. */
void retrieval_write_metrics(const struct retrieval_info *infos, size_t count, struct buffer *out);
/* RIGHT_INDEXES for all objects of it. */
must_check int retrieval_remove(struct retrieval *retrieval, const struct access *access,
                                const char *name, struct error *error);
struct retrieval_change {
    const char *model;     /* NULL: that of the index, in its version */
    const char *version;   /* NULL or "": the newest */
    bool exclude_defaults; /* `defaults` replace select_rules.defaults */
    const char *defaults;  /* patterns, one per line; NULL: none */
};

/* Fills a build beside the current one, with another model, version or rules, and swaps it in
 * after the first pass of its job. ERROR_CONFLICT if a rebuild is in progress or the index was
 * imported. RIGHT_INDEXES and RIGHT_INFER for all objects of it. */
must_check int retrieval_rebuild(struct retrieval *retrieval, const struct access *access,
                                 const char *name, const struct retrieval_change *change,
                                 struct error *error);

/* The index, for searches and walks, until it is released: a swap or removal does not close it
 * meanwhile. The caller needs RIGHT_SEARCH for a part of it, or, for `right` RIGHT_RESULTS, that
 * for the whole. ERROR_NOT_FOUND; ERROR_FORBIDDEN; ERROR_UNAVAILABLE: it has no row yet. */
struct retrieval_use;
must_check int retrieval_use(struct retrieval *retrieval, const struct access *access,
                             enum right right, const char *name, struct retrieval_use **ret_use,
                             struct error *error);
struct index *retrieval_use_index(const struct retrieval_use *use);
const struct retrieval_spec *retrieval_use_spec(const struct retrieval_use *use);
void retrieval_use_free(struct retrieval_use *use); /* NULL is fine */

/* The key in the index of an object STORE/KEY, borrowed from `object`; NULL: it cannot be in
 * this index. */
const char *retrieval_use_key(const struct retrieval_use *use, const char *object);
/* For tests, and retrieval_use_reach(): the same for a prefix of names; NULL: no name of this index
 * begins with it. */
const char *retrieval_use_prefix(const struct retrieval_use *use, const char *prefix);
/* The prefixes of keys in the index whose names begin with `prefix` and for which the caller has
 * RIGHT_SEARCH. */
struct retrieval_reach {
    bool none;                      /* no object of the index */
    struct index_prefixes prefixes; /* otherwise */
    struct reach names;             /* owned */
    const char **keys;              /* owned; into `names` */
};
/* -ENOMEM. */
must_check int retrieval_use_reach(const struct retrieval_use *use, const struct access *access,
                                   const char *prefix, struct retrieval_reach *ret_reach);
void retrieval_reach_done(struct retrieval_reach *reach); /* zeros are fine */
/* Appends the name, STORE/KEY, of the object with a key of the index. */
void retrieval_use_name(const struct retrieval_use *use, const char *key, struct buffer *out);

/* An index from elsewhere: rows come in any order, it is visible when it is finished. */
struct retrieval_import;
must_check int retrieval_import_new(struct retrieval *retrieval, const struct retrieval_spec *spec,
                                    struct retrieval_import **ret_import, struct error *error);
must_check int retrieval_import_put(struct retrieval_import *import, const char *object,
                                    const float *vector, uint32_t dimension, struct error *error);
must_check int retrieval_import_finish(struct retrieval_import *import,
                                       struct retrieval_info *ret_info, struct error *error);
void retrieval_import_free(struct retrieval_import *import); /* removes it, unless it is finished */

#endif
