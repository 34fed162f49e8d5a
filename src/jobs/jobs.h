/* SPDX-License-Identifier: Apache-2.0
 *
 * Jobs: a model over a selection of stored objects, durable and resumable. A job lists its
 * selection in key order, has at most LIMIT_JOB_WINDOW objects in flight, and appends one line an
 * object, in that order, to its log. The last whole line of the log says where to go on after a
 * crash: no object is lost, none is there twice. What a reader gets is synced to disk before.
 *
 * This room knows listing, order, durability and control. How an object is inferred is the host's
 * (struct jobs_host): the daemon's queue and lanes, or a test's few lines.
 *
 * Threads: any thread may call any function here. Each running job has a thread of its own, at most
 * LIMIT_JOBS_RUNNING; further jobs wait, highest priority first, then oldest.
 *
 * On disk, beneath `directory`: ID/job.json (what is asked, and the state where it is no running
 * one; replaced atomically), ID/results.ndjson (the log, see job_record.h), ID/keys (a list of
 * names that the client sent), ID/known/ (standing jobs: the table of known objects), ID/released
 * (what results.ndjson has given up: released.h); and `ages`, of all ended jobs (ages.h). What a
 * crash leaves of a job that was not created whole, or not removed whole, is `.new-*` or `.old-*`,
 * and goes at the next start.
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
#include "store/select_rules.h"
#include "store/store.h"

enum { JOB_ID_SIZE = 9, JOB_TOKEN_SIZE = 65, JOB_VERSION_SIZE = 24, JOB_DIGEST_SIZE = 65 };

/* What is asked. Constant from the job's creation on, but for what jobs_exclude() changes. */
struct job_spec {
    char id[JOB_ID_SIZE];       /* eight of a-z2-7, given by jobs_create */
    char token[JOB_TOKEN_SIZE]; /* the client's; a second creation with it gives the first job */
    char model[LIMIT_MODEL_NAME + 1];
    char version[JOB_VERSION_SIZE]; /* pinned at creation */
    char digest[JOB_DIGEST_SIZE];   /* of the model package, hexadecimal, pinned likewise */

    /* The selection: a store's keys that begin with `prefix` and match `glob`; or a list of names
     * in the job's `keys` file, in the order given: relative to `store` where there is one, else
     * STORE/KEY. */
    char *store;  /* owned; NULL: names with their store */
    char *prefix; /* owned; "" for all */
    char *glob;   /* owned; NULL: every key. `*` and `?` do not match a slash, `**` does; [a-z];
                   * matched with the part of the key behind the last slash where the pattern has
                   * none, else with the whole key */
    struct select_rules rules; /* of a store's keys, beside prefix and glob */
    bool has_keys;

    uint32_t top;          /* classes a line */
    bool labels;           /* lines carry the classes' labels */
    bool binary;           /* embeddings stand in lines as base64, not as numbers */
    uint32_t priority;     /* 0 to 9, higher goes first */
    uint64_t max_failures; /* more end the job as failed; UINT64_MAX: no bound */
    bool cache;            /* answers may come from the result cache */
    bool keep;     /* false: removed soon after somebody has taken all results, once it is done */
    bool standing; /* stays after the first pass: see struct job_info.pass */
    uint32_t interval_s; /* between passes of a standing job */
    int64_t created_s;   /* since 1970, UTC */
};

void job_spec_done(struct job_spec *spec);
must_check int job_spec_copy(const struct job_spec *spec, struct job_spec *ret_copy);

enum job_state {
    JOB_WAITING,   /* for its turn to run */
    JOB_RUNNING,   /* a standing job between two passes, too */
    JOB_PAUSED,    /* by request; or by itself, and then `reason` says why */
    JOB_DONE,      /* every object has its line */
    JOB_CANCELLED, /* by request */
    JOB_FAILED     /* too many failures, a selection that cannot be listed: `reason` */
};
enum { JOB_STATES = JOB_FAILED + 1 };

const char *job_state_name(enum job_state state);
bool job_state_is_end(enum job_state state); /* done, cancelled, failed */

/* What a standing job knows. */
struct known_count {
    uint64_t known;   /* objects that have a result; what is selected beyond that is to come */
    uint64_t failing; /* of those, objects whose last result tells of an error */
    uint64_t lines;   /* results of which all that is told */
};

struct job_info {
    struct job_spec spec; /* owned: job_info_done() */
    enum job_state state;
    struct error reason; /* code ERROR_NONE: none. A job that paused by itself (disk full, model
                          * that cannot be loaded) tries again by itself every few seconds */
    bool selected_known; /* the selection has been counted */
    uint64_t selected;   /* objects; of the pass, for a standing job */
    uint64_t gone;       /* of these, without a line: they were removed before their turn came. Of a
                          * job that is done and does not stand: results + gone = selected */
    struct left_out left_out; /* by the selection; likewise */
    uint64_t results;         /* lines that readers can have: the highest cursor. Synced */
    uint64_t failed;          /* of those, lines with an error */
    uint64_t cached;          /* answers that came out of the cache */
    uint64_t bytes_read;      /* of objects */
    uint64_t pass;            /* from 1 */
    bool counted;             /* a standing job's table of known objects */
    struct known_count count;
    bool between_passes;  /* a standing job that has seen everything for now */
    bool began_anew;      /* a standing job whose table of known objects was damaged once: what went
                           * away about that time has no `gone` line, what was there has another
                           * line */
    int64_t finished_s;   /* 0: not yet */
    uint64_t not_retried; /* jobs_retry() alone: what failed and is not tried again */
};
void job_info_done(struct job_info *info);

/* One object on its way through the host. */
struct jobs_object {
    const char *object;       /* "STORE/KEY"; borrowed from the job until it is done */
    const char *key;          /* in `object` */
    struct store *store;      /* borrowed from the host */
    struct identity identity; /* as seen just now */

    /* The host's answer, before jobs_object_done(). */
    struct buffer line;               /* the result object, without a line feed */
    enum error_code code;             /* ERROR_NONE, or the failure that is in `line`. For a code of
                                       * jobs_code_pauses() no line is written, and the job pauses by itself
                                       * with `message` */
    char message[ERROR_MESSAGE_SIZE]; /* of these codes */
    uint64_t bytes_read;
    bool cached;
};

/* A code that says nothing of the object: cancelled, unavailable, busy, memory. */
bool jobs_code_pauses(enum error_code code);

/* Any thread, and from within run_start, too. The object is the job's again. */
void jobs_object_done(struct jobs_object *object);

struct jobs_run; /* the host's: a job that is running; the host defines it */

struct jobs_host {
    void *context;
    /* Names the version and digest that a job on this model would have. ERROR_NOT_FOUND,
     * ERROR_UNFIT (a model that takes no images). */
    int (*model_pin)(void *context, const char *model, const char *version,
                     char ret_version[JOB_VERSION_SIZE], char ret_digest[JOB_DIGEST_SIZE],
                     struct error *error);
    /* NULL with ERROR_NOT_FOUND. Stores live as long as the host. */
    struct store *(*store_find)(void *context, const char *name, size_t length,
                                struct error *error);
    /* Takes hold of the pinned model. ERROR_NOT_FOUND where it is gone: the job pauses. */
    int (*run_new)(void *context, const struct job_spec *spec, struct jobs_run **ret_run,
                   struct error *error);
    /* Begins with an object: 0, and jobs_object_done() comes or has come; -EBUSY: the queue is
     * full, ask again in a moment. `object` stays where it is until then. */
    int (*run_start)(struct jobs_run *run, struct jobs_object *object);
    void (*run_cancel)(struct jobs_run *run); /* what waits comes back soon, ERROR_CANCELLED */
    void (*run_free)(struct jobs_run *run);   /* when all objects are back */
};

struct jobs;

struct jobs_options {
    const char *directory; /* the jobs' own, made where absent; NULL: no job can be created */
    struct jobs_host host; /* copied */
    uint32_t sync_ms;      /* results are synced at least so often; 0: 50 */
    uint32_t turn_ms;      /* a job gives its place to one of its priority that waits; 0: 10,000 */
    uint32_t retry_ms;     /* a job that paused by itself tries again; 0: 5,000 */
    uint64_t keep_s; /* finished jobs are removed after so long a time in which they were open,
                      * whatever the clock says, and each removal is logged; 0: never */
    /* Called for each job that is taken in, before it goes on: what it shall be from now on. NULL:
     * none. The file keeps what it says until it is written again. */
    void (*adopt)(struct job_spec *spec);
    uint32_t delivered_ms; /* a job not to be kept goes so long after delivery; 0: 60,000 */
};

/* Takes in what is there; running and waiting jobs go on by themselves. A job whose files cannot be
 * read is listed as failed with the reason; its results can be had as long as their log can.
 * Errors: ERROR_IO, ERROR_MEMORY. */
must_check int jobs_open(const struct jobs_options *options, struct jobs **ret_jobs,
                         struct error *error);

/* Running jobs stop where they are, synced, and go on at the next jobs_open. Readers come back.
 * After it, every call but jobs_close fails with ERROR_UNAVAILABLE. */
void jobs_stop(struct jobs *jobs);
void jobs_close(struct jobs *jobs); /* after jobs_stop, and when no reader is open; NULL is fine */

/* A list of names on its way in, for a job with `has_keys`: one name a line, any number; the last
 * line feed may be missing, a carriage return before one is dropped, empty lines are passed over.
 * A name longer than LIMIT_KEY_BYTES + LIMIT_STORE_NAME + 1 is ERROR_MALFORMED, naming its line;
 * ERROR_NO_SPACE, ERROR_IO. Names that are no keys become failure lines when the job runs. */
struct jobs_keys;
must_check int jobs_keys_new(struct jobs *jobs, struct jobs_keys **ret_keys, struct error *error);
void jobs_keys_end_with_nul(struct jobs_keys *keys); /* a NUL ends a name, not a line feed */
must_check int jobs_keys_append(struct jobs_keys *keys, const void *bytes, size_t size,
                                struct error *error);
/* One whole name as it is, line feeds included, of up to LIMIT_NAME_BYTES + LIMIT_STORE_NAME + 1.
 */
must_check int jobs_keys_add(struct jobs_keys *keys, const char *name, struct error *error);
void jobs_keys_free(struct jobs_keys *keys); /* NULL is fine; jobs_create takes it over */

/* Creates a job, on disk when it returns, and starts it when its turn comes. Of `spec`, id, digest
 * and created_s are filled in here, and version where it is ""; the caller keeps its own. `keys` is
 * taken over, in any case. A token that a job has already gives that job, with *ret_existing true,
 * and nothing is made. Errors: those of the host, ERROR_NO_SPACE, ERROR_IO, ERROR_BUSY (above
 * LIMIT_JOBS), ERROR_UNAVAILABLE (no directory). */
must_check int jobs_create(struct jobs *jobs, const struct job_spec *spec, struct jobs_keys *keys,
                           struct job_info *ret_info, bool *ret_existing, struct error *error);

/* ERROR_NOT_FOUND. */
must_check int jobs_get(struct jobs *jobs, const char *id, struct job_info *ret_info,
                        struct error *error);
/* All, oldest first; the caller frees each and the array. */
must_check int jobs_list(struct jobs *jobs, struct job_info **ret_infos, size_t *ret_count);
/* The same without what their logs say: results, failed, cached and bytes_read are 0. Reads no
 * file.
 */
must_check int jobs_list_brief(struct jobs *jobs, struct job_info **ret_infos, size_t *ret_count);

/* Part of /metrics: how many jobs are in each state. `jobs` is the table. Reads no file. */
void jobs_write_metrics(void *jobs, struct buffer *out);

/* ERROR_NOT_FOUND; ERROR_CONFLICT where the state does not allow it (what is asked for already is
 * fine): pause of an ended job, resume of one that is done or cancelled, cancel of one that is done
 * or failed. They return when the state has changed; objects in the lanes then have their lines. A
 * job that failed for max_failures goes on when it is resumed, its failures counted anew. */
must_check int jobs_pause(struct jobs *jobs, const char *id, struct error *error);
must_check int jobs_resume(struct jobs *jobs, const char *id, struct error *error);
must_check int jobs_cancel(struct jobs *jobs, const char *id, struct error *error);
/* Resumes it on the file systems that its stores have now, where it is paused because they are
 * others than the job began with. Also ERROR_UNAVAILABLE: a store of it is, as a whole. */
must_check int jobs_resume_accepting(struct jobs *jobs, const char *id, struct error *error);

/* What jobs that paused by themselves wait for may be there now: they try again at once. */
void jobs_try_again(struct jobs *jobs);

/* From its next name on, and in all further passes, the job leaves out what these patterns (one a
 * line; NULL: none) cover, in place of select_rules.defaults; of a standing one it is gone then.
 * Returns when that is on disk. ERROR_CONFLICT for a job that has ended or is over a list of names;
 * ERROR_MALFORMED (the patterns), ERROR_IO, ERROR_NO_SPACE. */
must_check int jobs_exclude(struct jobs *jobs, const char *id, const char *lines,
                            struct error *error);

/* A new job of the same model and options over exactly the objects that failed in this one, in
 * their order. Of a standing job, names that are too long to be keys are left out: ret_info tells.
 * ERROR_CONFLICT where it has not ended or nothing failed (but such names). */
must_check int jobs_retry(struct jobs *jobs, const char *id, struct job_info *ret_info,
                          struct error *error);

/* Cancels it where it runs, and removes all of it. Readers that follow it come to an end. */
must_check int jobs_remove(struct jobs *jobs, const char *id, struct error *error);

/* The first `before` results of a standing job are not needed any more: disk space is given back,
 * as far as the file system can, and the job itself needs none of them. Cursors and totals go on
 * counting them. ERROR_CONFLICT: it is no standing job; ERROR_IO, ERROR_NO_SPACE. */
must_check int jobs_release(struct jobs *jobs, const char *id, uint64_t before,
                            struct error *error);

/* ---- readers ---- */

struct jobs_reader;

/* Results behind the first `after` lines. ERROR_NOT_FOUND (also where these were released);
 * ERROR_MALFORMED where the job has fewer (a cursor never points past what is synced); ERROR_IO.
 * `woken` (may be NULL) is called, without locks and from any thread, when there may be more; it is
 * short, and calls nothing of this room. */
must_check int jobs_reader_new(struct jobs *jobs, const char *id, uint64_t after,
                               void (*woken)(void *context), void *context,
                               struct jobs_reader **ret_reader, struct error *error);
/* Waits for a `woken` that runs right now, and none comes after it: not to be called with a lock
 * held that `woken` takes. NULL is fine. */
void jobs_reader_free(struct jobs_reader *reader);

enum jobs_read {
    JOBS_READ_MORE, /* lines were appended */
    JOBS_READ_WAIT, /* nothing new for now */
    JOBS_READ_END,  /* the job has ended, and all its lines were read (it may have been removed) */
    JOBS_READ_STOP  /* jobs_stop() */
};

/* Appends whole lines as clients see them (job_record.h), each with its line feed, up to about
 * `max_bytes`. Negative errno where the log cannot be read: ERROR_IO. */
must_check int jobs_reader_read(struct jobs_reader *reader, struct buffer *out, size_t max_bytes,
                                enum jobs_read *ret_read, struct error *error);

/* The same line by line, for one who reads within this process: calls `take` for at most
 * `max_lines` lines. A negative result of it ends that and is returned; its line comes again with
 * the next call. */
struct jobs_line {
    const char *text; /* the result object, with a last member `log` that is not the reader's; no
                       * line feed */
    size_t size;
    bool flawed; /* the name is no key: it is too long */
    bool failed; /* it tells of an error */
    bool gone;   /* it tells that the object is */
    uint64_t pass;
};
must_check int jobs_reader_each(struct jobs_reader *reader, uint64_t max_lines,
                                int (*take)(void *context, const struct jobs_line *line),
                                void *context, enum jobs_read *ret_read, struct error *error);

/* For tests: waits until there may be more, at most so long. */
void jobs_reader_wait(struct jobs_reader *reader, int64_t timeout_ms);
/* Where the reader is, and the job with it. */
uint64_t jobs_reader_position(const struct jobs_reader *reader);
must_check int jobs_reader_info(struct jobs_reader *reader, struct job_info *ret_info);
/* The client has got all of it: a job that is not to be kept is removed a minute later. */
void jobs_reader_delivered(struct jobs_reader *reader);

#endif
