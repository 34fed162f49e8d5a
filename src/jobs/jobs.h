/* SPDX-License-Identifier: Apache-2.0
 *
 * Jobs: a model over a selection of stored objects, durable and resumable. A job lists its
 * selection in key order, has at most LIMIT_JOB_WINDOW objects in flight, and appends one line per
 * object, in that order, to its log. After a crash it continues behind the last whole line of the
 * log: no object is missing, none has two lines. Readers get only what is synced to disk.
 *
 * This room knows listing, order, durability and control. The host (struct jobs_host) infers an
 * object: the queue and lanes of the daemon, or a few lines of a test.
 *
 * Threads: any thread may call any function here. Each running job has its own thread, at most
 * LIMIT_JOBS_RUNNING; further jobs wait, the highest priority first, then the oldest.
 *
 * On disk, beneath `directory`: ID/job.json (what was asked for, and the state unless the job runs;
 * replaced atomically), ID/results.ndjson (the log, see job_record.h), ID/keys (a list of names
 * that the client sent), ID/known/ (standing jobs: the table of known objects), ID/released (what
 * was released of results.ndjson: released.h); and `ages`, for all ended jobs (ages.h). A crash
 * during a creation or a removal leaves `.new-*` or `.old-*`, which the next start removes.
 */
#ifndef SITU_JOBS_JOBS_H
#define SITU_JOBS_JOBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/limits.h"
#include "rights/access.h"
#include "store/selection.h"
#include "store/store.h"

enum {
    JOB_ID_SIZE = 9,
    JOB_OWNER_SIZE = ACCESS_NAME_SIZE,
    JOB_TOKEN_SIZE = 65,
    JOB_VERSION_SIZE = 24,
    JOB_DIGEST_SIZE = 65,
    JOB_KEYS_STORES_BYTES = 1024 /* the longest that is noted */
};

/* What is asked for. Constant after the creation, except for what jobs_exclude() changes. */
struct job_spec {
    char id[JOB_ID_SIZE];       /* eight of a-z2-7, given by jobs_create */
    char owner[JOB_OWNER_SIZE]; /* who created it, as in struct access; "": nobody by name */
    char token[JOB_TOKEN_SIZE]; /* chosen by the client; a second creation by the same owner with it
                                 * returns the first job */
    char model[LIMIT_MODEL_NAME + 1];
    char version[JOB_VERSION_SIZE]; /* pinned at creation */
    char digest[JOB_DIGEST_SIZE];   /* of the model package, hexadecimal; pinned as well */

    /* `has_keys`: instead of the keys of a store, the names in the job's `keys` file, in their
     * order: relative to the store if there is one, otherwise STORE/KEY. The prefix is "". */
    struct selection select;
    bool has_keys;
    char *keys_stores; /* owned; of names with their store: those stores, with blanks between; NULL:
                        * unknown, maybe any */

    uint32_t top;          /* classes per line */
    bool labels;           /* lines have the labels of the classes */
    bool binary;           /* embeddings are base64 in lines, not numbers */
    uint32_t priority;     /* 0 to 9, the highest first */
    uint64_t max_failures; /* the job fails when more objects fail; UINT64_MAX: no limit */
    bool cache;            /* answers may be taken from the result cache */
    bool keep;             /* false: a done job is removed soon after its results were delivered */
    bool standing;         /* goes on after the first pass: see struct job_info.pass */
    uint32_t interval_s;   /* between passes of a standing job */
    int64_t created_s;     /* since 1970, UTC */
};

void job_spec_done(struct job_spec *spec);
must_check int job_spec_copy(const struct job_spec *spec, struct job_spec *ret_copy);

enum job_state {
    JOB_WAITING,   /* for a place to run */
    JOB_RUNNING,   /* also a standing job between two passes */
    JOB_PAUSED,    /* on request; or by itself, with a `reason` */
    JOB_DONE,      /* every object has its line */
    JOB_CANCELLED, /* on request */
    JOB_FAILED     /* too many failures, a selection that cannot be listed: `reason` */
};
enum { JOB_STATES = JOB_FAILED + 1 };

const char *job_state_name(enum job_state state);
bool job_state_is_end(enum job_state state); /* done, cancelled, failed */

/* The table of known objects of a standing job. */
struct known_count {
    uint64_t known;   /* objects that have a result; the rest of the selection has none yet */
    uint64_t failing; /* of those, objects whose last result is an error */
    uint64_t lines;   /* the counts above include the results up to this line */
};

struct job_info {
    struct job_spec spec; /* owned: job_info_done() */
    enum job_state state;
    struct error reason; /* code ERROR_NONE: none. A job that paused by itself (disk full, a model
                          * that cannot be loaded) retries every few seconds */
    bool selected_known; /* the selection has been counted */
    uint64_t selected;   /* objects; for a standing job, of the pass */
    uint64_t gone; /* of these, without a line: removed before they were inferred. For a done job
                    * that is not standing: results + gone = selected */
    struct left_out left_out; /* by the selection */
    uint64_t results;         /* synced lines: the highest cursor */
    uint64_t failed;          /* of those, lines with an error */
    uint64_t cached;          /* answers from the cache */
    uint64_t bytes_read;      /* of objects */
    uint64_t pass;            /* from 1 */
    bool counted;             /* `count` is known */
    struct known_count count;
    bool between_passes; /* a standing job that waits for its next pass */
    bool began_anew;     /* the table of known objects was damaged: objects removed around that time
                          * have no `gone` line, the others have another line */
    int64_t finished_s;  /* 0: not yet */
    uint64_t not_retried; /* set by jobs_retry() only: objects that failed and are not retried */
};
void job_info_done(struct job_info *info);

/* One object while the host has it. */
struct jobs_object {
    const char *object;       /* "STORE/KEY"; borrowed from the job until it is done */
    const char *key;          /* in `object` */
    struct store *store;      /* borrowed from the host */
    struct identity identity; /* as seen just now */

    /* The host's answer, set before jobs_object_done(). */
    struct buffer line;   /* the result object, without a line feed */
    enum error_code code; /* ERROR_NONE, or the failure in `line`; a code that pauses has no line */
    char message[ERROR_MESSAGE_SIZE]; /* for a code that pauses the job */
    uint64_t bytes_read;
    bool cached;
};

/* A code that is not about the object: cancelled, unavailable, busy, memory. */
bool jobs_code_pauses(enum error_code code);

/* Any thread, also from within run_start. The object belongs to the job again. */
void jobs_object_done(struct jobs_object *object);

struct jobs_run; /* defined by the host: one run of a job */

struct jobs_host {
    void *context;
    /* The version and digest that a job with this model would have. ERROR_NOT_FOUND; ERROR_UNFIT
     * (a model that takes no images). */
    int (*model_pin)(void *context, const char *model, const char *version,
                     char ret_version[JOB_VERSION_SIZE], char ret_digest[JOB_DIGEST_SIZE],
                     struct error *error);
    /* NULL with ERROR_NOT_FOUND. Stores live as long as the host. */
    struct store *(*store_find)(void *context, const char *name, size_t length,
                                struct error *error);
    /* References the pinned model. ERROR_NOT_FOUND if it was removed: the job pauses. */
    int (*run_new)(void *context, const struct job_spec *spec, struct jobs_run **ret_run,
                   struct error *error);
    /* Starts an object. 0: jobs_object_done() follows or was called already; -EBUSY: the queue
     * is full, try again in a moment. `object` stays valid until then. */
    int (*run_start)(struct jobs_run *run, struct jobs_object *object);
    void (*run_cancel)(
        struct jobs_run *run); /* queued objects come back soon, with ERROR_CANCELLED */
    void (*run_free)(struct jobs_run *run); /* after all objects came back */
};

struct jobs;

struct jobs_options {
    const char *directory; /* of the jobs alone, created if missing; NULL: no job can be created */
    struct jobs_host host; /* copied */
    uint32_t sync_ms;      /* results are synced at least this often; 0: 50 */
    uint32_t turn_ms;  /* a job gives its place to a waiting one of its priority after this time; 0:
                        * 10,000 */
    uint32_t retry_ms; /* a job that paused by itself retries after this time; 0: 5,000 */
    uint64_t keep_s;   /* ended jobs are removed after this time, counted while situd runs,
                        * independent of the time of day; each removal is logged. 0: never */
    /* Called for each job that is loaded at the start, before it continues; may change the spec.
     * NULL: none. job.json changes when it is next written. */
    void (*adopt)(struct job_spec *spec);
    uint32_t delivered_ms; /* a job without `keep` is removed so long after delivery; 0: 60,000 */
};

/* Loads the existing jobs; running and waiting ones continue. A job whose files cannot be read
 * is listed as failed with the reason; its results are available if its log can be read. Errors:
 * ERROR_IO, ERROR_MEMORY. */
must_check int jobs_open(const struct jobs_options *options, struct jobs **ret_jobs,
                         struct error *error);

/* Running jobs are stopped, synced, and continue at the next jobs_open. Readers return.
 * Afterwards every call except jobs_close fails with ERROR_UNAVAILABLE. */
void jobs_stop(struct jobs *jobs);
void jobs_close(struct jobs *jobs); /* after jobs_stop, with no reader open; NULL is fine */

/* The upload of a list of names, for a job with `has_keys`: one name per line, any number; the
 * last line feed is optional, a carriage return before a line feed is dropped, empty lines are
 * skipped. A name longer than LIMIT_KEY_BYTES + LIMIT_STORE_NAME + 1 is ERROR_MALFORMED, with
 * its line number; ERROR_NO_SPACE, ERROR_IO. Names that are not valid keys become failure lines
 * when the job runs. */
struct jobs_keys;
must_check int jobs_keys_new(struct jobs *jobs, struct jobs_keys **ret_keys, struct error *error);
void jobs_keys_end_with_nul(struct jobs_keys *keys); /* NUL instead of a line feed ends a name */
must_check int jobs_keys_append(struct jobs_keys *keys, const void *bytes, size_t size,
                                struct error *error);
/* One whole name, which may contain line feeds, of up to LIMIT_NAME_BYTES + LIMIT_STORE_NAME +
 * 1. */
must_check int jobs_keys_add(struct jobs_keys *keys, const char *name, struct error *error);
/* Ends the list, and asks for the rights `jobs` and `infer` for each of its names, of `store` or
 * with their store (NULL). No store is asked. ERROR_FORBIDDEN, and ERROR_NOT_FOUND for a name that
 * the caller may not know of, with its number. *ret_stores, owned by the
 * caller, is spec.keys_stores. */
must_check int jobs_keys_check(struct jobs_keys *keys, const char *store,
                               const struct access *access, char **ret_stores, struct error *error);
void jobs_keys_free(struct jobs_keys *keys); /* NULL is fine; jobs_create takes ownership */

/* Creates a job, which is on disk on return, and queues it. Fills in id, digest and created_s of
 * `spec`, and version if it is ""; the caller keeps its own copy. Takes ownership of `keys` in
 * any case. If a job has the token already, that job is returned, *ret_existing is true, and
 * nothing is created. Errors: those of the host, ERROR_NO_SPACE, ERROR_IO, ERROR_BUSY (above
 * LIMIT_JOBS), ERROR_UNAVAILABLE (no directory). */
must_check int jobs_create(struct jobs *jobs, const struct job_spec *spec, struct jobs_keys *keys,
                           struct job_info *ret_info, bool *ret_existing, struct error *error);

/* A job is visible to its owner, and to who has the right `jobs` for its whole selection:  of a
 * list of names, for the whole of each of their stores, or for all stores. */
bool job_is_visible(const struct job_spec *spec, const struct access *access);

/* Callers with tokens of the old form have no name that lasts: their jobs have no owner. */
void job_spec_set_owner(struct job_spec *spec, const struct access *access);

enum job_use {
    JOB_USE_SEE,  /* also pausing, cancelling and removing it */
    JOB_USE_READ, /* its results: `jobs` for the whole selection, now */
    JOB_USE_RUN,  /* also `infer` */
};

/* To be asked before the call itself. 0 also where `access` is for all and there is no such job.
 * ERROR_NOT_FOUND, as if there were none, if the job is not visible; ERROR_FORBIDDEN. */
must_check int jobs_check_access(struct jobs *jobs, const char *id, const struct access *access,
                                 enum job_use use, struct error *error);

/* ERROR_NOT_FOUND. */
must_check int jobs_get(struct jobs *jobs, const char *id, struct job_info *ret_info,
                        struct error *error);
/* The jobs that the caller may see, oldest first; the caller frees each one and the array. */
must_check int jobs_list(struct jobs *jobs, const struct access *access,
                         struct job_info **ret_infos, size_t *ret_count);
/* All of them, without the counts of the logs: results, failed, cached and bytes_read are 0. Reads
 * no file. */
must_check int jobs_list_brief(struct jobs *jobs, struct job_info **ret_infos, size_t *ret_count);

/* Part of /metrics: how many jobs are in each state. `jobs` is the table. Reads no file. */
void jobs_write_metrics(void *jobs, struct buffer *out);

/* ERROR_NOT_FOUND; ERROR_CONFLICT if the state does not allow it: pausing an ended job, resuming
 * a done or cancelled one, cancelling a done or failed one; no error if the job is in that state
 * already. They return when the state has changed; objects that were in lanes have their lines
 * then. A job that failed because of max_failures continues when it is resumed, and its failures
 * are counted from 0. */
must_check int jobs_pause(struct jobs *jobs, const char *id, struct error *error);
must_check int jobs_resume(struct jobs *jobs, const char *id, struct error *error);
must_check int jobs_cancel(struct jobs *jobs, const char *id, struct error *error);
/* For a job that is paused because the file systems of its stores have changed: resumes it with
 * the present ones. Also ERROR_UNAVAILABLE: one of its stores is unavailable. */
must_check int jobs_resume_accepting(struct jobs *jobs, const char *id, struct error *error);

/* Jobs that paused by themselves retry at once: what they wait for may be available now. */
void jobs_try_again(struct jobs *jobs);

/* From its next name on, and in all further passes, the job excludes what these patterns (one
 * per line; NULL: none) match, in place of select_rules.defaults; for a standing job these
 * objects become `gone`. On disk on return. ERROR_CONFLICT for an ended job or one over a list
 * of names; ERROR_MALFORMED (the patterns), ERROR_IO, ERROR_NO_SPACE. */
must_check int jobs_exclude(struct jobs *jobs, const char *id, const char *lines,
                            struct error *error);

/* Creates a job of the caller with the same model and options over exactly the objects that failed
 * in this one, in their order, if the caller has the rights for them: errors as of
 * jobs_keys_check(). Of a standing job, names that are too long to be keys are left out and counted
 * in ret_info. ERROR_CONFLICT if the job has not ended or nothing failed (except such names). */
must_check int jobs_retry(struct jobs *jobs, const char *id, const struct access *access,
                          struct job_info *ret_info, struct error *error);

/* Cancels it if it runs, and removes all its files. Its readers come to their end. */
must_check int jobs_remove(struct jobs *jobs, const char *id, struct error *error);

/* Releases the first `before` results of a standing job, except those that the job itself still
 * needs: the file system gets the space back as far as it supports that. Cursors and totals
 * still count them. ERROR_CONFLICT: not a standing job; ERROR_IO, ERROR_NO_SPACE. */
must_check int jobs_release(struct jobs *jobs, const char *id, uint64_t before,
                            struct error *error);

/* ---- readers ---- */

struct jobs_reader;

/* Reads the results behind the first `after` lines. ERROR_NOT_FOUND (also if these were
 * released); ERROR_MALFORMED if the job has fewer (a cursor never points past what is synced);
 * ERROR_IO. `woken` (may be NULL) is called, without locks and from any thread, when there may
 * be more; it must be short, and call nothing of this room. */
must_check int jobs_reader_new(struct jobs *jobs, const char *id, uint64_t after,
                               void (*woken)(void *context), void *context,
                               struct jobs_reader **ret_reader, struct error *error);
/* Waits for a running `woken`, after which none is called; must not be called with a lock held
 * that `woken` takes. NULL is fine. */
void jobs_reader_free(struct jobs_reader *reader);

enum jobs_read {
    JOBS_READ_MORE, /* lines were appended */
    JOBS_READ_WAIT, /* nothing new for now */
    JOBS_READ_END,  /* the job has ended or was removed, and all its lines were read */
    JOBS_READ_STOP  /* jobs_stop() */
};

/* Appends whole lines in the form for clients (job_record.h), each with its line feed, up to
 * about `max_bytes`. A negative errno if the log cannot be read: ERROR_IO. */
must_check int jobs_reader_read(struct jobs_reader *reader, struct buffer *out, size_t max_bytes,
                                enum jobs_read *ret_read, struct error *error);

/* The same line by line, for use within this process: calls `take` for at most `max_lines`
 * lines. A negative result of it ends the call and is returned; the next call begins with that
 * line. */
struct jobs_line {
    const char
        *text; /* the result object, with a last member `log` that is internal; no line feed */
    size_t size;
    bool flawed; /* the name is too long to be a key */
    bool failed; /* the result is an error */
    bool gone;   /* the object was removed */
    uint64_t pass;
};
must_check int jobs_reader_each(struct jobs_reader *reader, uint64_t max_lines,
                                int (*take)(void *context, const struct jobs_line *line),
                                void *context, enum jobs_read *ret_read, struct error *error);

/* For tests: waits until there may be more, at most this long. */
void jobs_reader_wait(struct jobs_reader *reader, int64_t timeout_ms);
/* The position of the reader, and its job. */
uint64_t jobs_reader_position(const struct jobs_reader *reader);
must_check int jobs_reader_info(struct jobs_reader *reader, struct job_info *ret_info);
/* The client has all results: a job without `keep` is removed a minute later. */
void jobs_reader_delivered(struct jobs_reader *reader);

#endif
