/* SPDX-License-Identifier: Apache-2.0
 *
 * Indexes that keep themselves up to date: each is fed by a standing job over a selection with a
 * feature-extraction model, or was imported. This room joins jobs (which say what is new, changed
 * and gone, with embeddings) and index (rows and search); how a query image becomes a vector is the
 * daemon's.
 *
 * On disk, beneath `directory`: NAME/index.json (what is asked; replaced atomically), NAME/N/ (the
 * index's own files, N counts rebuilds). What a crash leaves of one that was not created or not
 * removed whole (`.new-*`, `.old-*`, an N that index.json does not name) goes at the next start.
 *
 * Feeding: a feeder reads the job's results and commits them to the index in batches, with the
 * job's cursor as the batch's note: after a crash it goes on there, and no result is applied twice
 * or left out. A failure or `gone` line removes the key. What it has committed it lets the job
 * forget (jobs_release), so that the log does not grow with the index. The job's token is
 * `index.NAME.N`: made again after a crash in between, it is the same job.
 *
 * Keys: in an index that is fed a row's key is the object's, without its store's name; in an
 * imported one it is the name as it was given (retrieval_use_key, retrieval_use_name).
 *
 * Repair: a row that the index reports as damaged is put again from a fresh inference, which the
 * host is asked for (embed). An index whose keys are damaged (ERROR_MALFORMED) is set aside
 * (NAME/N.damaged, the last one is kept) and filled anew, which the result cache makes cheap. Where
 * an index and its job do not belong together any more (somebody removed the job; the job lost its
 * table of known objects, and with it what it would have told to be gone) it is filled anew beside
 * and swapped, as in a rebuild, and searched as it is meanwhile.
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

struct retrieval;

struct retrieval_spec {
    char name[LIMIT_MODEL_NAME + 1];
    char model[LIMIT_MODEL_NAME + 1]; /* "": an imported index that says nothing of images */
    char version[JOB_VERSION_SIZE];   /* "": the newest at creation */
    char digest[JOB_DIGEST_SIZE];
    char *store; /* owned; NULL: imported */
    char *prefix;
    char *glob;
    struct select_rules rules;
    enum index_metric metric;
    uint32_t interval_s;
};

enum retrieval_state { RETRIEVAL_FILLING, RETRIEVAL_READY, RETRIEVAL_PAUSED, RETRIEVAL_FAILED };

struct retrieval_info {
    struct retrieval_spec spec; /* owned: retrieval_info_done() */
    enum retrieval_state state;
    struct error reason; /* of a failed or paused one; of a ready one: why its last rebuild came to
                          * nothing */
    uint32_t dimension;  /* 0: not known yet */
    char job[JOB_ID_SIZE];
    struct index_status index;
    bool selected_known;
    uint64_t selected;
    struct left_out left_out; /* by the selection */
    uint64_t failed;          /* objects of the selection without a row, as far as is known */
    bool has_next;            /* another model builds beside */
    char next_model[LIMIT_MODEL_NAME + 1];
    char next_version[JOB_VERSION_SIZE];
    uint64_t next_rows;
    uint64_t next_selected;
};
void retrieval_info_done(struct retrieval_info *info);

struct retrieval_embed_request {
    const struct retrieval_spec *spec;
    const char *object;
    /* Any thread: nobody waits for the vector any more, since the index ends. */
    bool (*is_given_up)(void *owner);
    void *owner;
};

struct retrieval_host {
    void *context;
    /* The vector of a stored object under the pinned model, by an inference made for it, whatever a
     * cache knows; the caller frees *ret_vector. Blocks the index's thread, which feeds nothing
     * meanwhile, and which retrieval_stop and retrieval_remove wait for: it goes before jobs, and
     * comes back with ERROR_CANCELLED soon after it is given up. NULL: rows are not repaired. */
    int (*embed)(void *context, const struct retrieval_embed_request *request, float **ret_vector,
                 uint32_t *ret_dimension, struct error *error);
};

struct retrieval_options {
    const char *directory; /* made where absent; NULL: no index can be made */
    struct jobs *jobs;     /* borrowed */
    struct retrieval_host host;
    uint32_t verify_ms; /* between two slices of the search for rot, while nothing else is to be
                         * done; 0: 5,000 */
};

/* For jobs_options.adopt: earlier versions made the jobs of indexes with a priority below that of
 * all others, and an index stood still beside any job that had enough to do. */
void retrieval_adopt_job(struct job_spec *spec);

/* Takes in what is there and goes on feeding. An index that cannot be opened is listed as failed
 * with the reason. */
must_check int retrieval_open(const struct retrieval_options *options,
                              struct retrieval **ret_retrieval, struct error *error);
/* Feeders end; committed is what was committed. Before jobs_close. */
void retrieval_stop(struct retrieval *retrieval);
void retrieval_close(struct retrieval *retrieval); /* when no index is in use; NULL is fine */

/* ERROR_CONFLICT: the name is taken; ERROR_UNFIT: the model gives no embeddings (told when its
 * first result comes, where nothing else knows); those of jobs_create. */
must_check int retrieval_create(struct retrieval *retrieval, const struct retrieval_spec *spec,
                                struct retrieval_info *ret_info, struct error *error);
must_check int retrieval_get(struct retrieval *retrieval, const char *name,
                             struct retrieval_info *ret_info, struct error *error);
must_check int retrieval_list(struct retrieval *retrieval, struct retrieval_info **ret_infos,
                              size_t *ret_count);
/* Part of /metrics; `retrieval` is the table. */
void retrieval_write_metrics(void *retrieval, struct buffer *out);
must_check int retrieval_remove(struct retrieval *retrieval, const char *name, struct error *error);
struct retrieval_change {
    const char *model;     /* NULL: the index's own, in its version */
    const char *version;   /* NULL or "": the newest */
    bool exclude_defaults; /* `defaults` take the place of select_rules.defaults */
    const char *defaults;  /* patterns, one a line; NULL: none */
};

/* Builds another beside, with another model or version or with other rules, swaps when its first
 * pass is over. ERROR_CONFLICT where one builds already or the index was imported. */
must_check int retrieval_rebuild(struct retrieval *retrieval, const char *name,
                                 const struct retrieval_change *change, struct error *error);
/* The same, with the rules that it has. */

/* The index itself, for searches and walks, until it is given back: a swap or removal meanwhile
 * does not pull it away. ERROR_NOT_FOUND; ERROR_UNAVAILABLE: it has no row yet. */
struct retrieval_use;
must_check int retrieval_use(struct retrieval *retrieval, const char *name,
                             struct retrieval_use **ret_use, struct error *error);
struct index *retrieval_use_index(const struct retrieval_use *use);
const struct retrieval_spec *retrieval_use_spec(const struct retrieval_use *use);
void retrieval_use_free(struct retrieval_use *use); /* NULL is fine */

/* The index's key of an object STORE/KEY, borrowed from `object`; NULL: it cannot be in this index.
 */
const char *retrieval_use_key(const struct retrieval_use *use, const char *object);
/* Likewise of a prefix of names, for index_query.prefix: NULL: no name of this index begins so. */
const char *retrieval_use_prefix(const struct retrieval_use *use, const char *prefix);
/* Appends the object's name, STORE/KEY, that belongs to a key of the index. */
void retrieval_use_name(const struct retrieval_use *use, const char *key, struct buffer *out);

/* An index made elsewhere: rows come in any order, it is visible when it is finished. */
struct retrieval_import;
must_check int retrieval_import_new(struct retrieval *retrieval, const struct retrieval_spec *spec,
                                    struct retrieval_import **ret_import, struct error *error);
must_check int retrieval_import_put(struct retrieval_import *import, const char *object,
                                    const float *vector, uint32_t dimension, struct error *error);
must_check int retrieval_import_finish(struct retrieval_import *import,
                                       struct retrieval_info *ret_info, struct error *error);
void retrieval_import_free(struct retrieval_import *import); /* not finished: it is removed */

#endif
