/* SPDX-License-Identifier: Apache-2.0
 *
 * The models that situd serves: names, versions, packages on disk. A `struct model` is one version
 * of one model; it is reference counted, so that requests keep theirs to the end when it is
 * removed.
 */
#ifndef SITU_INFER_MODELS_H
#define SITU_INFER_MODELS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "cache/cache.h"
#include "infer/metrics.h"
#include "infer/model_stats.h"
#include "infer/worker_process.h"
#include "model/package.h"

enum { MODEL_VERSION_SIZE = 24 };

enum model_state { MODEL_UNLOADED, MODEL_LOADING, MODEL_LOADED, MODEL_FAILED };

struct infer_item;
struct load_waiter; /* see dispatch.h */

struct item_list {
    struct infer_item *first;
    struct infer_item *last;
};

/* Guarded by the dispatcher's lock, but `facts`, constant once `facts_known` was seen. */
struct model_runtime {
    enum model_state state;
    struct worker_process *worker; /* owned; NULL unless loaded */
    struct worker_process *dying;  /* borrowed: the worker, after its death was noticed */
    unsigned users;                /* lanes that are in it */
    struct item_list parked;       /* wait for the worker, or for the end of a quarantine */
    struct item_list suspects;     /* were in a worker that crashed; retried one at a time */
    struct load_waiter *waiters;   /* are called when the load ends */
    bool quarantine;               /* suspects are being retried: nothing else runs */
    struct error failure;          /* MODEL_FAILED */
    enum error_code fault;  /* MODEL_FAILED: ERROR_UNFIT if it is the model's, otherwise ours */
    int64_t retry_ns;       /* MODEL_FAILED: no new try before */
    int64_t retry_later_ns; /* the same for callers that retry by themselves */
    unsigned failures;      /* loads that failed, one after the other */
    int64_t told_ns;        /* when that was logged last */
    unsigned untold;        /* loads that failed likewise since then */
    int64_t last_used_ns;
    uint64_t memory_bytes;
    bool trial;    /* the load that goes on is a trial of a model that is being added */
    bool kept;     /* loaded until it is asked to be unloaded */
    bool unloaded; /* on request, and no request has needed it since */
    struct model *next_kept;
    struct model *next_loaded; /* list of loaded models, or of those being loaded */
    uint32_t primary_output;   /* index of the output that answers are made of */
    bool facts_known;
    struct worker_facts facts;
};

struct model {
    atomic_uint references;
    char name[LIMIT_MODEL_NAME + 1];
    char version[MODEL_VERSION_SIZE];
    char *path;              /* owned; the package's directory */
    bool removable;          /* in the state directory, not in --models DIR */
    struct model_spec *spec; /* owned; NULL where the package cannot be read */
    struct error broken;     /* why it cannot */
    struct status_counts requests;
    struct model_stats stats;
    atomic_bool changed;      /* the package is not the one that was read: nothing is cached */
    atomic_bool task_known;   /* set once, when `task` is final */
    struct cache_digest task; /* the task digest of this model in the result cache */
    atomic_bool abandoned;    /* no caller waits for its load any more: it is abandoned */
    atomic_bool removed;      /* set once, after the next two */
    /* Called when only one owner still holds a removed model; on any thread, under any lock. */
    void (*released)(void *context);
    void *released_context; /* borrowed; outlives the model */
    struct model_runtime runtime;
};

struct models;

/* `state_directory` may be NULL: models cannot be added then. */
must_check int models_new(const char *state_directory, struct models **ret_models,
                          struct error *error);
void models_free(struct models *models);

/* Takes in every package of a directory: DIR/NAME/, DIR/NAME/VERSION/, or DIR itself where it is a
 * package. A package that cannot be read is listed as failed and logged, never skipped silently. */
must_check int models_scan(struct models *models, const char *directory, bool removable,
                           struct error *error);

/* A version of a model, with a reference, or NULL. `version` NULL or "": the newest. */
struct model *models_get(struct models *models, const char *name, const char *version,
                         struct error *error);
/* The version that was pinned, if its digest in hexadecimal is still the same; otherwise any
 * version of that name with that digest: it was removed and added again. ERROR_NOT_FOUND: it is
 * gone. */
struct model *models_get_pinned(struct models *models, const char *name, const char *version,
                                const char *digest, struct error *error);
struct model *model_ref(struct model *model);
void model_unref(struct model *model); /* NULL is fine */

/* All, sorted by name and version; each with a reference. The caller frees the array. */
must_check int models_list(struct models *models, struct model ***ret_models, size_t *ret_count);

/* The lines of situ_requests_total that name a model. */
void models_write_requests(struct models *models, struct buffer *out);

/* Adding, in two steps. prepare: a new empty directory for the package's files. publish: the
 * package (already read and tried) becomes visible as the next version; takes the model's
 * reference. Or discard it. */
must_check int models_add_prepare(struct models *models, const char *name, char **ret_directory,
                                  struct error *error);
must_check int models_add_read(struct models *models, const char *name, const char *directory,
                               const char *preset, struct model **ret_model, struct error *error);
must_check int models_add_publish(struct models *models, struct model *model, struct error *error);
void models_add_discard(const char *directory);

/* `version` NULL: all of them. The removed versions are returned, newest first, with the table's
 * references: the caller calls dispatch_remove() for each. ERROR_NOT_FOUND, ERROR_CONFLICT (not in
 * the state directory). */
must_check int models_remove(struct models *models, const char *name, const char *version,
                             struct model ***ret_removed, size_t *ret_count, struct error *error);

#endif
