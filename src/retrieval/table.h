/* SPDX-License-Identifier: Apache-2.0
 *
 * The room's own view: the table of indexes (struct retrieval), an index as it is known by its name
 * (struct entry), and one filling of it, the directory N (struct build). An entry has one build
 * that is searched, and another while one builds beside.
 *
 * Each entry has a thread of its own, which opens its builds, feeds them, repairs them and swaps
 * them (entry.c). Of a build, what says "the thread's" is touched by that thread alone.
 */
#ifndef SITU_RETRIEVAL_TABLE_H
#define SITU_RETRIEVAL_TABLE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "retrieval/index_file.h"
#include "retrieval/repair.h"
#include "retrieval/retrieval.h"

enum build_fate {
    BUILD_FEEDS,
    BUILD_STALLED, /* cannot go on for now, and tries again: a full disk */
    BUILD_STOPPED, /* the same, but it will hardly end by itself: its job was cancelled */
    BUILD_LOST,    /* it and its job do not belong together any more: it is filled anew, beside */
    BUILD_UNFIT    /* for good: the model gives no embeddings */
};

/* How far a build is with its job's results. The thread's. */
struct feed {
    struct jobs_reader *reader; /* owned; NULL: not attached */
    struct index_batch *batch;  /* owned; NULL: no index yet */
    bool noted;                 /* the index has a note: it belongs to `job` */
    uint64_t cursor;            /* lines that were taken, into the batch or before */
    uint64_t committed;
    uint64_t released; /* lines that the job was let forget */
    bool filled;       /* the first pass is over, and all its lines were taken */
    bool filled_committed;
    bool lost;        /* found on the way: becomes BUILD_LOST */
    bool wants_check; /* something was read since the job was looked at */
    int64_t batch_ns; /* when the batch's first line came; 0: it is empty */
    int64_t retry_ns; /* nothing is tried before */
};

/* The search for rot. The thread's. */
struct verify {
    uint64_t position;
    int64_t due_ns;
};

struct build {
    struct entry *entry;        /* referenced */
    atomic_uint references;     /* the entry's, each use's */
    struct retrieval_spec spec; /* owned; constant */
    uint64_t number;            /* constant */
    atomic_bool discard;        /* its files go when nobody uses it any more */
    struct repair repair;       /* has a lock of its own */
    struct feed feed;
    struct verify verify;
    atomic_uint_fast64_t taken; /* lines of the job that are in the index for good; UINT64_MAX while
                                 * it is being changed */
    bool opened;                /* the thread's: `index` is there, or there is none on disk */

    /* Written by the thread alone, with the table's lock held. */
    struct index *index; /* owned; NULL until the first embedding */
    char job[JOB_ID_SIZE];
    enum build_fate fate;
    struct error reason;
    bool filled;
};

struct entry {
    struct retrieval *retrieval; /* borrowed; outlives it */
    atomic_uint references;      /* the table's, each build's, each call's, the thread's */
    char name[LIMIT_MODEL_NAME + 1];

    /* Locks in the order in which they are taken: control, the table's, waking. */

    pthread_mutex_t control; /* one change of index.json at a time; held over the disk */
    uint64_t last;           /* guarded by it: the highest number given */
    int64_t change_ns;       /* the thread's: no swap or new filling is tried before */

    /* Guarded by the table's lock. */
    char *directory;       /* owned; written with `control` held, too */
    bool leaving;          /* it is being removed: nothing finds it, its name is taken still */
    bool opened;           /* the thread has tried it */
    struct build *current; /* referenced; NULL: `broken` */
    struct build *next;    /* referenced; NULL: none. Set by a rebuild, taken by the thread */
    struct error broken;   /* index.json cannot be read */
    struct error rebuild;  /* why the last rebuild came to nothing */

    pthread_mutex_t joining; /* guards the thread's handle */
    bool has_thread;
    pthread_t thread;

    pthread_mutex_t waking; /* guards what follows; nothing is called with it held */
    pthread_cond_t wake;
    bool woken;
    bool ending;
};

struct retrieval {
    char *directory;   /* owned; constant. NULL: none */
    struct jobs *jobs; /* borrowed */
    struct retrieval_host host;
    uint32_t verify_ms;

    pthread_mutex_t create; /* one creation at a time; taken before every other lock */

    pthread_mutex_t lock;                 /* guards all below, and some of each entry and build */
    pthread_cond_t opened;                /* an entry was tried */
    struct entry *entries[LIMIT_INDEXES]; /* referenced; by name */
    size_t count;
    uint64_t removals; /* names that what is removed or made lies under meanwhile */
    bool stopping;
};

/* ---- retrieval.c ---- */

/* The entry, referenced. ERROR_NOT_FOUND; ERROR_UNAVAILABLE while stopping. */
must_check int retrieval_find(struct retrieval *retrieval, const char *name,
                              struct entry **ret_entry, struct error *error);
/* ERROR_CONFLICT: the name is taken; ERROR_BUSY: there are LIMIT_INDEXES; ERROR_UNAVAILABLE. */
must_check int retrieval_check_free(struct retrieval *retrieval, const char *name,
                                    struct error *error);
/* Puts it into the table, which is checked before, and starts its thread; with `create` held. */
must_check int retrieval_add(struct retrieval *retrieval, struct entry *entry, struct error *error);
void retrieval_drop(struct retrieval *retrieval, struct entry *entry); /* out of the table */
/* A path that nothing has yet, in the table's directory: ".new-NAME-7". NULL: no memory. */
char *retrieval_aside(struct retrieval *retrieval, const char *what, const char *name);

/* ---- entry.c ---- */

/* From index.json, which is taken over in any case; NULL: `broken` says why. */
must_check int entry_new(struct retrieval *retrieval, const char *name, struct index_file *file,
                         const struct error *broken, struct entry **ret_entry);
struct entry *entry_ref(struct entry *entry);
void entry_unref(struct entry *entry); /* NULL is fine */
static inline void cleanup_entry_function(struct entry **entry)
{
    entry_unref(*entry);
}
#define cleanup_entry __attribute__((cleanup(cleanup_entry_function)))

must_check int entry_start(struct entry *entry, struct error *error);
void entry_wake(struct entry *entry);
void entry_wake_context(void *entry); /* the same, as a callback */
void entry_end(struct entry *entry);  /* tells its thread to come to its end */
bool entry_is_ending(struct entry *entry);
void entry_join(struct entry *entry);

/* ---- build.c ---- */

/* Takes `spec` over in any case. */
must_check int build_new(struct entry *entry, struct retrieval_spec *spec, uint64_t number,
                         const char *job, struct build **ret_build);
struct build *build_ref(struct build *build);
/* The last one closes the index, and removes its files where they are to go. NULL is fine. */
void build_unref(struct build *build);
static inline void cleanup_build_function(struct build **build)
{
    build_unref(*build);
}
#define cleanup_build __attribute__((cleanup(cleanup_build_function)))

char *build_path(struct build *build); /* the caller frees it; NULL: no memory */
/* The thread: opens what is on disk. Errors of index_open but ERROR_NOT_FOUND. */
must_check int build_open(struct build *build, struct error *error);
/* The thread: makes the index, where there is none yet. */
must_check int build_make(struct build *build, uint32_t dimension, struct error *error);
void build_set_fate(struct build *build, enum build_fate fate, const struct error *reason);
void build_set_job(struct build *build, const char *job);
void build_set_filled(struct build *build);
/* The key of an object of this build's store; NULL: it is not of it. */
const char *build_key(const struct build *build, const char *object);

/* ---- change.c: the thread ---- */

/* Swaps, gives up or begins what the fates of the builds ask for. */
void change_step(struct entry *entry, struct build *current, struct build *next);
/* Begins a filling beside; `control` is held, and the change names model and version. */
must_check int change_begin(struct entry *entry, const struct retrieval_change *change,
                            struct error *error);
/* The current build's keys are damaged: it is set aside, another takes its place. */
must_check int change_set_aside(struct entry *entry, struct build *damaged, struct error *error);

#endif
