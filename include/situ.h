/* SPDX-License-Identifier: Apache-2.0
 *
 * libsitu: run a DNN over objects where they are stored. A program names a model and stored
 * objects; the array reads, decodes and infers them, and only the answers come back.
 *
 *     struct situ *array;
 *     struct situ_results *results;
 *     const struct situ_result *r;
 *
 *     situ_open("http://array:7433", NULL, &array, NULL);
 *     situ_run(array, "resnet50", "photos/2024/", NULL, &results, NULL);
 *     while (situ_next(results, &r, NULL) > 0)
 *         printf("%s\t%s\t%.3f\n", r->object, r->classes[0].label, r->classes[0].score);
 *     situ_results_free(results);
 *     situ_close(array);
 *
 * Errors. Functions return 0 or a negative errno value; an iterator's `next` returns 1 with an
 * element, 0 at the end. After a failure `error`, where it is not NULL, has a code and a message
 * for people. Outputs (`ret_...`) are written on success; an output that must be freed is NULL
 * after a failure. Every function returns -EINVAL for a NULL handle and does not change `error`
 * then, so that a sequence of calls like the one above is safe without checks and stops at the
 * first error.
 *
 * Threads. A `struct situ` may be used by many threads at once. A results or objects iterator and
 * everything else that the library returns may be used by one thread at a time. The library
 * installs no signal handlers, starts no threads and writes nothing to stdout or stderr.
 *
 * Structs. An options struct begins with `struct_size`, set to its sizeof; zero in any other
 * member means the default. So a program compiled today keeps working when members are added at the
 * end. Structs that the library fills may also gain members at the end: do not copy them.
 *
 * Names. An object is "STORE/KEY" ("photos/2024/cat.jpg"): the bytes that the store has, UTF-8 or
 * not; the same holds for prefixes and globs. A name that the library returns is text: one that is
 * not UTF-8 is percent-encoded ("photos/caf%E9.jpg", `%` itself as %25), and a second function
 * (situ_result_raw_name and others) returns its bytes, which name the object in other calls. If
 * both are equal, nothing is encoded: an object may be called "caf%E9.jpg". A model is "NAME" for
 * its newest version, or "NAME@VERSION". Text is NUL-terminated UTF-8.
 */
#ifndef SITU_H
#define SITU_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define SITU_API __attribute__((visibility("default")))
#else
#define SITU_API
#endif

#define SITU_VERSION "0.1.0"
#define SITU_DEFAULT_PORT 7433
#define SITU_DEFAULT_SOCKET "/run/situ/situd.sock"

/* The version of the library that runs, such as "0.1.0"; static. */
SITU_API const char *situ_version(void);

/* ---- Errors ---------------------------------------------------------------------------------- */

/* What went wrong. The first group comes from the array, as docs/protocol.md lists it. */
enum situ_code {
    SITU_OK = 0,
    SITU_MALFORMED = 1,       /* the request is not well formed */
    SITU_UNAUTHORIZED = 2,    /* no token, or a wrong one */
    SITU_FORBIDDEN = 3,       /* the caller's rights do not include it */
    SITU_NOT_FOUND = 4,       /* no such model, store or object */
    SITU_CONFLICT = 5,        /* already exists, or is in use */
    SITU_TOO_LARGE = 6,       /* above a limit of the array */
    SITU_UNDECODABLE = 7,     /* the object is not an image that can be decoded */
    SITU_UNFIT = 8,           /* well formed, but does not fit the model */
    SITU_BUSY = 9,            /* the array's queue is still full after the retries */
    SITU_UNAVAILABLE = 10,    /* starting, stopping, or the model cannot be loaded */
    SITU_DEADLINE = 11,       /* the array's deadline for the object has passed */
    SITU_WORKER_CRASHED = 12, /* the object alone made its worker process crash */
    SITU_UNREADABLE = 13,     /* the store could not read the object */
    SITU_CHANGED = 14,        /* the object changed while it was read */
    SITU_NO_SPACE = 15,       /* the disk of the array's state directory is full */
    SITU_IO = 16,             /* other input/output failure, on either side */
    SITU_MEMORY = 17,         /* out of memory, on either side */
    SITU_CANCELLED = 18,      /* stopped by the caller's own callback */
    SITU_INTERNAL = 19,       /* an internal fault of the array */

    SITU_UNREACHABLE = 100, /* no connection, or it was cut and could not be resumed */
    SITU_PROTOCOL = 101,    /* the response does not follow docs/protocol.md */
    SITU_USAGE = 102        /* an invalid argument of this call, see the message */
};

#define SITU_MESSAGE_SIZE 512

/* Owned by the caller; need not be initialised. A call that succeeds does not change it. */
struct situ_error {
    int code;                        /* an enum situ_code */
    char message[SITU_MESSAGE_SIZE]; /* one line, cut where it is longer */
};

/* The stable lower-case word of a code ("not_found"), static; "unknown" for any other value. */
SITU_API const char *situ_code_name(int code);

/* ---- The connection -------------------------------------------------------------------------- */

struct situ; /* one array */

struct situ_options {
    size_t struct_size;
    const char *token;           /* bearer token; NULL: none */
    const char *token_file;      /* file whose first line is the token; not with `token` */
    const char *ca_file;         /* PEM file of the authorities to trust; NULL: the system's */
    uint32_t connect_timeout_ms; /* to connect; 0: 10,000 */
    uint32_t idle_timeout_ms;    /* a request fails after this time without a byte in either
                                    direction; 0: 180,000 */
    uint32_t retries;            /* how often a request to a busy array is repeated, or a cut run
                                    resumed, without a result in between; 0: 8, over about 20 s;
                                    UINT32_MAX: never */
    uint32_t retry_wait_ms;      /* before the first retry, doubled each time up to 5 s; 0: 250. A
                                    longer Retry-After of the array is obeyed, up to 30 s */
};

/* Makes a handle; connects only when it is first used. `address` is one of
 *
 *     http://HOST[:PORT][/BASE]   https://HOST[:PORT][/BASE]   HOST[:PORT]   unix:PATH_OF_SOCKET
 *
 * where HOST alone is http on port 7433, a URL without a port has its scheme's, and an IPv6 address
 * is in brackets. NULL: $SITU_ADDRESS if it is set; otherwise the socket SITU_DEFAULT_SOCKET if it
 * exists; otherwise http://127.0.0.1:7433. Proxies of the environment are used except for loopback.
 * Errors: SITU_USAGE (-EINVAL), SITU_IO where the token file cannot be read, SITU_MEMORY. */
SITU_API int situ_open(const char *address, const struct situ_options *options,
                       struct situ **ret_array, struct situ_error *error);

/* Closes idle connections and frees the handle; NULL is fine. No other call may be running on it,
 * and iterators made from it must have been freed. */
SITU_API void situ_close(struct situ *array);

/* The address in use, as text for people; lives as long as the handle. */
SITU_API const char *situ_address(const struct situ *array);

/* Bytes that this handle has sent and received so far: HTTP headers and bodies as transferred,
 * chunked and compressed, without TLS and TCP overhead. */
SITU_API void situ_traffic(const struct situ *array, uint64_t *ret_sent, uint64_t *ret_received);

/* ---- Results --------------------------------------------------------------------------------- */

struct situ_class {
    uint32_t index;    /* of the class in the model's output */
    float score;       /* 0..1 where the model gives probabilities */
    const char *label; /* "" where the model has none */
};

/* Numbers, row by row, in the byte order of this machine, aligned for their type. BYTES: strings,
 * each preceded by its length in four bytes, little-endian. */
struct situ_tensor {
    const char *name;
    const char *datatype; /* FP32, FP16, INT64, UINT8, BOOL ... as in the Open Inference Protocol */
    uint32_t rank;        /* length of dims; 0 is a scalar */
    const int64_t *dims;  /* outermost first */
    const void *data;
    size_t size_bytes;
    size_t count; /* elements: the product of dims */
};

/* The outcome of one object: a failure (code is not SITU_OK), or classes, an embedding or outputs,
 * according to the model's task. */
struct situ_result {
    const char *object; /* its name; "" for bytes without a name */

    int code;            /* SITU_OK, or why this object failed */
    const char *message; /* "" or the reason, for people */

    /* image-classification: by descending score, ties by index. Never NULL: if class_count is 0, it
     * points to one class with an empty label and score 0. */
    const struct situ_class *classes;
    size_t class_count;

    const float *embedding; /* feature-extraction; otherwise NULL */
    size_t embedding_size;  /* values */

    const struct situ_tensor *outputs; /* tensor; otherwise NULL */
    size_t output_count;

    int gone; /* nonzero: a standing job reports that the object no longer exists, and nothing more;
                 code is SITU_OK */
};

/* How the text of labels is transferred. A job that is followed later (situ_job_start) has labels
 * in its lines (SITU_LABELS_INLINE) or none; in that case situ_job_follow looks them up. */
enum situ_labels_mode {
    SITU_LABELS_AUTO = 0,   /* inline for one object and short lists, otherwise lookup */
    SITU_LABELS_INLINE = 1, /* with each class */
    SITU_LABELS_LOOKUP =
        2,               /* the whole table once, then indices only: fewer bytes for many objects */
    SITU_LABELS_NONE = 3 /* not at all */
};

/* What becomes of the job of a run. */
enum situ_keep {
    SITU_KEEP_NOT = 0,    /* it is removed with the run, even before its end */
    SITU_KEEP_JOB = 1,    /* it continues when the run is freed, and stays in the array's list */
    SITU_KEEP_RESULTS = 2 /* it continues when the run is freed; the array removes it when it is
                             done and all its results have been read */
};

struct situ_run_options {
    size_t struct_size;
    uint32_t top;    /* classes of each object, at most 1,000; 0: 5 */
    uint32_t labels; /* an enum situ_labels_mode */

    int no_cache; /* nonzero: infer even what the array's result cache holds */

    /* The rest is for runs and jobs; calls for one object ignore it. */
    uint32_t priority;     /* 1 to 9, higher goes first; 0: 5; UINT32_MAX: 0, the lowest */
    uint64_t max_failures; /* when more objects than this have failed, the job fails; 0: no bound;
                              UINT64_MAX: none may fail */
    const char *glob;    /* with a prefix: only keys that match it (docs/protocol.md); NULL: all */
    int standing;        /* nonzero, with a prefix: the job does not end; it reports what is new or
                            changed (ordinary results) and what is gone (situ_result.gone) */
    uint32_t interval_s; /* of a standing job, between two passes; at most 86,400; 0: 60 */
    int keep;            /* an enum situ_keep: what becomes of the job of a run */
    int progress;        /* nonzero: the array reports its progress at most once a second, at the
                            cost of some bytes; see struct situ_progress */

    /* Called in the calling thread a few times a second while situ_run, situ_job_follow or
     * situ_next wait, and when a signal has interrupted the wait. A nonzero value ends the call
     * with SITU_CANCELLED; situ_next may then be called again, and continues. NULL: none. */
    int (*on_wait)(void *context);
    void *context;
};

/* Infers one stored object; request and response together are about 430 bytes. The caller frees the
 * result (situ_result_free). If the object fails, this call fails. */
SITU_API int situ_infer(struct situ *array, const char *model, const char *object,
                        const struct situ_run_options *options, struct situ_result **ret_result,
                        struct situ_error *error);

/* The same for an encoded image (JPEG, PNG, WebP) in memory: `size` bytes at `bytes`, borrowed for
 * the call. `name` becomes the result's object; NULL: none. */
SITU_API int situ_infer_bytes(struct situ *array, const char *model, const char *name,
                              const void *bytes, size_t size,
                              const struct situ_run_options *options,
                              struct situ_result **ret_result, struct situ_error *error);

SITU_API void situ_result_free(struct situ_result *result); /* of the two above; NULL is fine */

/* The bytes of the object's name; lives as long as the result's `object`. */
SITU_API const char *situ_result_raw_name(const struct situ_result *result);

/* The result as one line of JSON without a line feed, in the form of docs/protocol.md; the caller
 * frees *ret_text with free(). A name that is not UTF-8 is percent-encoded and marked as such.
 * -ENOMEM.
 */
SITU_API int situ_result_json(const struct situ_result *result, char **ret_text);

/* Element `index` of a tensor as a double (large 64-bit integers are rounded); NaN past the end. */
SITU_API double situ_tensor_value(const struct situ_tensor *tensor, size_t index);

/* ---- Runs over many objects ------------------------------------------------------------------ */

/* What the selections of a handle exclude and include, besides prefix and glob. */
struct situ_select_options {
    size_t struct_size;
    const char *const *exclude; /* patterns, at most 64 (docs/protocol.md); a directory that matches
                                   is excluded with its contents */
    size_t exclude_count;
    int no_exclude_defaults; /* nonzero: include what the store excludes by default */
    int sniff;               /* nonzero: identify files with an unknown suffix by content */
};

/* Applies to later calls of situ_run, situ_job_start and situ_index_create and, without the
 * patterns, of situ_object_list. The options are copied; NULL restores the defaults. No other
 * thread may use the handle meanwhile. SITU_USAGE. */
SITU_API int situ_select(struct situ *array, const struct situ_select_options *options,
                         struct situ_error *error);

struct situ_results; /* an iterator over the results of one run */

/* Runs `model` over every object whose name begins with `selection`: "photos" or "photos/" (the
 * whole store), "photos/2024/" (a folder), "photos/2024/IMG_" (any prefix), in order of key bytes.
 * Files with an unknown suffix are skipped and counted (struct situ_left_out). The array starts a
 * job, which the library follows. Returns when the array has accepted it, so that an unknown model
 * or store is an error here; results are streamed afterwards. */
SITU_API int situ_run(struct situ *array, const char *model, const char *selection,
                      const struct situ_run_options *options, struct situ_results **ret_results,
                      struct situ_error *error);

/* Runs `model` over `count` named objects, in that order; any number. The names are borrowed for
 * the call, and are sent from the caller's memory without a copy. A name that is empty or too long
 * is not sent; it has a failed result in its place. */
SITU_API int situ_run_objects(struct situ *array, const char *model, const char *const *objects,
                              size_t count, const struct situ_run_options *options,
                              struct situ_results **ret_results, struct situ_error *error);

/* The next result: 1 and *ret_result, which lives until the next call on `results`; 0 at the end;
 * a negative errno if the run cannot continue (each further call returns the same). Blocks until
 * there is a result. If the connection is cut, the run resumes after the last result received, even
 * if the array was restarted; no object is returned twice (except by a standing job, when it has
 * changed). A failed object is a result, not an error. A job that was cancelled ends with
 * SITU_CANCELLED, one that failed with its reason. */
SITU_API int situ_next(struct situ_results *results, const struct situ_result **ret_result,
                       struct situ_error *error);

struct situ_progress {
    size_t struct_size;      /* set by the caller */
    uint64_t selected;       /* objects of the run; 0 until the array reports it: during the run
                                with situ_run_options.progress, otherwise at the end */
    uint64_t skipped;        /* skipped for their suffix so far */
    uint64_t done;           /* results returned so far, failed ones included */
    uint64_t failed;         /* of those */
    uint64_t bytes_read;     /* object bytes read on the array; reported as `selected` is */
    uint64_t bytes_sent;     /* transferred for this run, as situ_traffic counts */
    uint64_t bytes_received; /* likewise */
    uint64_t resumed;        /* how often the run was resumed after a cut connection */
    uint64_t cursor;         /* the `after` with which situ_job_follow would continue */
    uint64_t results;        /* that the array had at its last report */
    uint64_t cached;         /* of those, from the result cache */
    uint64_t pass;           /* of a standing job, from 1 */
    int idle;                /* nonzero: a standing job has nothing to do at present */
    const char *state;       /* of the job, as in struct situ_job; lives until the next call */
    const char *reason;      /* "", or why it is paused or failed; likewise */
};

/* The progress of the run; call it at any time from the thread that calls situ_next. */
SITU_API int situ_results_progress(const struct situ_results *results,
                                   struct situ_progress *ret_progress);

/* Why there is no connection to the array at present, while situ_next tries again and calls
 * `on_wait`; otherwise NULL. Lives until the next call. */
SITU_API const char *situ_results_cut(const struct situ_results *results);

/* What a selection excludes or skips. */
enum { SITU_SUFFIXES = 32 };

struct situ_left_out {
    size_t struct_size; /* set by the caller */
    uint64_t skipped;   /* files with an unknown suffix: HEIC, raw, video... (docs/protocol.md) */
    uint64_t links;     /* symbolic links: they are not followed */
    uint64_t excluded;  /* files, and whole directories, that the selection excludes */
    uint64_t names;     /* files whose names are too long to be listed */
    uint32_t suffix_count;
    struct situ_suffix {
        char suffix[16]; /* lower case, without its dot */
        uint64_t files;
    } suffixes[SITU_SUFFIXES]; /* of the skipped files: the most frequent, by number of files */
};

/* Of a run, as last reported by the array (as `selected` is). -EINVAL. */
SITU_API int situ_results_left_out(const struct situ_results *results,
                                   struct situ_left_out *ret_left_out);

/* Objects of a run that were selected and then removed before they were inferred: they have no
 * result. Known at its end. */
SITU_API uint64_t situ_results_gone(const struct situ_results *results);

/* The id of the run's job, "" where there is none (all names refused); lives as long as `results`.
 */
SITU_API const char *situ_results_job(const struct situ_results *results);

/* Ends the run; NULL is fine. If the run has not ended, its job is removed, with one attempt; but
 * not a job that is kept (enum situ_keep) or that of situ_job_follow. */
SITU_API void situ_results_free(struct situ_results *results);

/* ---- Jobs ------------------------------------------------------------------------------------ */

/* A job: a model over many objects, durable, which continues when its client disconnects and when
 * the array is restarted. "" or 0 for what the array does not report. */
struct situ_job {
    const char *id;
    const char *model;
    const char *version; /* fixed when it was started, like the digest */
    const char *digest;
    const char *store; /* "" for a list of names that contain it */
    const char *prefix;
    const char *glob;
    int by_name; /* nonzero: over a list of names */
    uint32_t top;
    int labels; /* nonzero: in its lines */
    uint32_t priority;
    int64_t max_failures; /* -1: no bound */
    int cache;
    int keep;
    int standing;
    uint32_t interval_s;

    const char *state;    /* waiting, running, paused, done, cancelled or failed */
    int reason_code;      /* SITU_OK, or why it failed or paused: an enum situ_code */
    const char *reason;   /* likewise, for people */
    const char *created;  /* "2026-11-23T09:00:00Z" */
    const char *finished; /* likewise; "" while it has not ended */
    int selected_known;   /* the selection has been counted */
    uint64_t selected;
    uint64_t skipped;
    uint64_t results; /* available now: the highest cursor */
    uint64_t failed;
    uint64_t cached;
    uint64_t bytes_read;
    uint64_t pass; /* of a standing job, from 1 */
    int idle;
    const char *json; /* the array's response */
};

struct situ_jobs {
    const struct situ_job *const *jobs; /* oldest first */
    size_t count;
    const char *json; /* the array's response */
};

/* Objects of a job that were selected and then removed before they were inferred: they have no
 * result. Known when the job is done. 0 if `job` is NULL. */
SITU_API uint64_t situ_job_gone(const struct situ_job *job);

/* Who created the job ("token:backup", "user:anna"), cut to `size` bytes with the NUL; "" if it has
 * no owner. -EINVAL, -ENOMEM. */
SITU_API int situ_job_owner(const struct situ_job *job, char *owner, size_t size);

/* -EINVAL, -ENOMEM. */
SITU_API int situ_job_left_out(const struct situ_job *job, struct situ_left_out *ret_left_out);

/* Starts a job over a prefix, as situ_run does, without following it; it stays in the array's list
 * when it has ended. `progress`, `keep` and `on_wait` are ignored. */
SITU_API int situ_job_start(struct situ *array, const char *model, const char *selection,
                            const struct situ_run_options *options, struct situ_job **ret_job,
                            struct situ_error *error);

/* The same over names, as situ_run_objects does; but if a name cannot be sent, the call fails with
 * SITU_USAGE and starts nothing. */
SITU_API int situ_job_start_objects(struct situ *array, const char *model,
                                    const char *const *objects, size_t count,
                                    const struct situ_run_options *options,
                                    struct situ_job **ret_job, struct situ_error *error);

SITU_API void situ_job_free(struct situ_job *job); /* NULL is fine */

SITU_API int situ_job_list(struct situ *array, struct situ_jobs **ret_jobs,
                           struct situ_error *error);
SITU_API void situ_jobs_free(struct situ_jobs *jobs);

SITU_API int situ_job_show(struct situ *array, const char *id, struct situ_job **ret_job,
                           struct situ_error *error);

/* Follows a job: situ_next returns its results from the one after the first `after` to its end. Of
 * the options, `labels` (SITU_LABELS_NONE or any other), `progress` and `on_wait` are used; NULL:
 * the defaults. SITU_MALFORMED if it has fewer results than `after`. */
SITU_API int situ_job_follow(struct situ *array, const char *id, uint64_t after,
                             const struct situ_run_options *options,
                             struct situ_results **ret_results, struct situ_error *error);

/* Each returns the job's new state; ret_job may be NULL. SITU_CONFLICT if its present state does
 * not allow it. Objects being inferred still get their results. */
SITU_API int situ_job_pause(struct situ *array, const char *id, struct situ_job **ret_job,
                            struct situ_error *error);
SITU_API int situ_job_resume(struct situ *array, const char *id, struct situ_job **ret_job,
                             struct situ_error *error);
/* As situ_job_resume(); a job that is paused because a store is on another file system than at its
 * start accepts the present one. SITU_UNAVAILABLE: such a store cannot be served. */
SITU_API int situ_job_resume_accepting(struct situ *array, const char *id,
                                       struct situ_job **ret_job, struct situ_error *error);
SITU_API int situ_job_cancel(struct situ *array, const char *id, struct situ_job **ret_job,
                             struct situ_error *error);

/* From now on the job excludes what its store excludes at present, as a new job would: for jobs
 * that are older than this version or the store's setting. A standing job reports those objects as
 * gone.
 */
SITU_API int situ_job_exclude_defaults(struct situ *array, const char *id,
                                       struct situ_job **ret_job, struct situ_error *error);

/* Starts a new job over exactly the objects that failed in an ended one. SITU_CONFLICT if there are
 * none. */
SITU_API int situ_job_retry(struct situ *array, const char *id, struct situ_job **ret_job,
                            struct situ_error *error);

/* Removes a job with its results; a running one is cancelled first. */
SITU_API int situ_job_remove(struct situ *array, const char *id, struct situ_error *error);

/* ---- Indexes --------------------------------------------------------------------------------- */

/* An index: the embeddings of the objects of a selection by one feature-extraction model, kept up
 * to date by a standing job. "" or 0 for what the array does not report. */
struct situ_index {
    const char *name;
    const char *model;
    const char *version; /* "" in an imported one, like selection and job */
    const char *digest;
    const char *store;
    const char *prefix;
    const char *glob;
    const char *metric; /* "cosine", "dot" or "euclidean" */
    uint32_t interval_s;
    uint32_t dimension; /* 0 until there is an embedding */

    const char *state;   /* filling, ready, paused or failed; present rows can always be searched */
    int reason_code;     /* SITU_OK, or why it failed or paused: an enum situ_code */
    const char *reason;  /* likewise, for people */
    uint64_t rows;       /* objects that can be found */
    int selected_known;  /* the selection has been counted */
    uint64_t selected;   /* objects of the selection */
    uint64_t failed;     /* of those, without an embedding */
    uint64_t damaged;    /* rows that cannot be read; they are inferred again */
    const char *job;     /* the job that fills it */
    uint64_t size_bytes; /* on disk */
    const char *next_model; /* of the index that is built to replace it; "": none */
    const char *next_version;
    uint64_t next_rows;
    uint64_t next_selected; /* 0: not known yet */
    const char *json;       /* the array's response */
};

struct situ_indexes {
    const struct situ_index *const *indexes; /* by name */
    size_t count;
    const char *json; /* the array's response */
};

struct situ_index_options {
    size_t struct_size;
    const char *metric;  /* NULL: cosine */
    const char *glob;    /* only keys that match it (docs/protocol.md); NULL: all */
    uint32_t interval_s; /* between two passes; at most 86,400; 0: 60 */
};

/* Makes an index over the objects whose name begins with `selection` (as in situ_run), and returns
 * at once; the array fills it. SITU_CONFLICT if the name is in use, SITU_UNFIT for a model
 * without embeddings. ret_index may be NULL. */
SITU_API int situ_index_create(struct situ *array, const char *index, const char *model,
                               const char *selection, const struct situ_index_options *options,
                               struct situ_index **ret_index, struct situ_error *error);

SITU_API void situ_index_free(struct situ_index *index); /* NULL is fine */

/* -EINVAL, -ENOMEM. */
SITU_API int situ_index_left_out(const struct situ_index *index,
                                 struct situ_left_out *ret_left_out);

/* 1 if the caller's rights include a part of the objects only. The array does not report counts,
 * the size and the job then: these members are 0 and "", as are those of situ_index_left_out().
 * Otherwise 0; -EINVAL, -ENOMEM. */
SITU_API int situ_index_is_partial(const struct situ_index *index);

SITU_API int situ_index_list(struct situ *array, struct situ_indexes **ret_indexes,
                             struct situ_error *error);
SITU_API void situ_indexes_free(struct situ_indexes *indexes);

SITU_API int situ_index_show(struct situ *array, const char *index, struct situ_index **ret_index,
                             struct situ_error *error);

/* Removes it with its job. */
SITU_API int situ_index_remove(struct situ *array, const char *index, struct situ_error *error);

/* Builds another index with `model`, which replaces it when complete. ret_index may be NULL. */
SITU_API int situ_index_rebuild(struct situ *array, const char *index, const char *model,
                                struct situ_index **ret_index, struct situ_error *error);

/* The same without what its store excludes at present, for an index that contains such objects;
 * `model` NULL: the present model. */
SITU_API int situ_index_exclude_defaults(struct situ *array, const char *index, const char *model,
                                         struct situ_index **ret_index, struct situ_error *error);

/* ---- Search ---------------------------------------------------------------------------------- */

/* A stored object that is similar to the query. */
struct situ_hit {
    const char *object;
    double score;    /* higher is nearer: cosine, inner product, or minus the distance */
    double distance; /* 1 - cosine, minus the inner product, or the Euclidean one */
};

struct situ_hits {
    const struct situ_hit *hits; /* nearest first, equal scores by name */
    size_t count;
    uint64_t damaged; /* rows that cannot be read and may belong here: normally 0 */
    const char *json; /* the array's own words; "" in a batch */
};

/* The bytes of the name of hits[index]; lives as long as the hits, which the library must
 * have returned. NULL past the end. */
SITU_API const char *situ_hit_raw_name(const struct situ_hits *hits, size_t index);

struct situ_search_options {
    size_t struct_size;
    uint32_t k;         /* number of hits, at most 1,000; 0: 10 */
    const char *prefix; /* only objects whose name begins with it; NULL: all */
    double min_score;   /* only objects with at least this score, if has_min_score is nonzero */
    int has_min_score;
    int exclude_self; /* nonzero: without the query object */
};

/* The stored objects most similar to a stored one. The search is exact; request and response are
 * about 1 kB for 10 hits. An object that is not in the index is inferred first. SITU_UNAVAILABLE
 * while the index has no rows. */
SITU_API int situ_search(struct situ *array, const char *index, const char *object,
                         const struct situ_search_options *options, struct situ_hits **ret_hits,
                         struct situ_error *error);

/* Those most similar to an encoded image (JPEG, PNG, WebP) in memory: `size` bytes at `bytes`,
 * borrowed for the call. */
SITU_API int situ_search_bytes(struct situ *array, const char *index, const void *bytes,
                               size_t size, const struct situ_search_options *options,
                               struct situ_hits **ret_hits, struct situ_error *error);

SITU_API void situ_hits_free(struct situ_hits *hits); /* NULL is fine */

struct situ_batch {
    const struct situ_hits *queries; /* in the order of the vectors */
    size_t count;
};

/* Any number of queries of `dimension` values each, contiguous; sent 64 at a time. */
SITU_API int situ_search_vectors(struct situ *array, const char *index, const float *vectors,
                                 size_t count, size_t dimension,
                                 const struct situ_search_options *options,
                                 struct situ_batch **ret_batch, struct situ_error *error);

SITU_API void situ_batch_free(struct situ_batch *batch); /* NULL is fine */

struct situ_duplicate {
    const char *object;
    double score; /* with the group's first object; of that one 1 by cosine */
};

/* Objects that are similar, directly or through others of the group. */
struct situ_group {
    const struct situ_duplicate *objects;
    size_t count;
};

struct situ_groups; /* an iterator */
struct situ_duplicates_options {
    size_t struct_size;
    int progress;                  /* nonzero: the array reports it, see situ_groups_looked_at */
    int (*on_wait)(void *context); /* as in situ_run_options */
    void *context;
};

/* Groups of objects whose scores with one another reach `min_score`, each in at most one. */
SITU_API int situ_duplicates(struct situ *array, const char *index, double min_score,
                             const struct situ_duplicates_options *options,
                             struct situ_groups **ret_groups, struct situ_error *error);

/* 1 and *ret_group, which lives until the next call; 0 at the end; a negative errno. */
SITU_API int situ_group_next(struct situ_groups *groups, const struct situ_group **ret_group,
                             struct situ_error *error);

/* The bytes of the name of objects[index] in the group returned last; lives as long as the group.
 * NULL past the end. */
SITU_API const char *situ_group_raw_name(const struct situ_groups *groups, size_t index);

/* Objects of the index that have been compared so far; and, at the end, how many could not be
 * compared because the array cannot read their rows: members or groups may be missing. */
SITU_API uint64_t situ_groups_looked_at(const struct situ_groups *groups);
SITU_API uint64_t situ_groups_damaged(const struct situ_groups *groups);

SITU_API void situ_groups_free(struct situ_groups *groups); /* NULL is fine */

struct situ_vector {    /* one row of an index */
    const char *object; /* in an import: the name's bytes */
    const float *values;
    size_t count;
};

/* An iterator over all rows of an index, in order of the names. */
struct situ_vectors;
SITU_API int situ_index_export(struct situ *array, const char *index,
                               struct situ_vectors **ret_vectors, struct situ_error *error);

/* 1 and *ret_vector, which lives until the next call; 0 at the end; a negative errno, also if the
 * connection was cut: an export is not resumed. */
SITU_API int situ_vector_next(struct situ_vectors *vectors, const struct situ_vector **ret_vector,
                              struct situ_error *error);

/* The bytes of the name of the row returned last; lives as long as the row. */
SITU_API const char *situ_vector_raw_name(const struct situ_vectors *vectors);

/* At the end: rows that are missing because the array cannot read them. Normally 0. */
SITU_API uint64_t situ_vectors_damaged(const struct situ_vectors *vectors);

SITU_API void situ_vectors_free(struct situ_vectors *vectors); /* NULL is fine */

struct situ_import_options {
    size_t struct_size;
    const char *metric; /* NULL: cosine */
    const char *model;  /* for queries that are images; NULL: none */
};

/* Makes an index of existing rows, all of the same length; of rows with the same name the last is
 * used. `next` returns one row at a time: 1 and *ret_vector, which must stay valid until the next
 * call; 0 at the end; a negative value ends the import with SITU_CANCELLED. ret_index may be NULL.
 */
SITU_API int situ_index_import(struct situ *array, const char *index,
                               int (*next)(void *context, struct situ_vector *ret_vector),
                               void *context, const struct situ_import_options *options,
                               struct situ_index **ret_index, struct situ_error *error);

/* The same with `count` names and as many rows of `dimension` values, contiguous. */
SITU_API int situ_index_import_rows(struct situ *array, const char *index,
                                    const char *const *objects, const float *vectors, size_t count,
                                    size_t dimension, const struct situ_import_options *options,
                                    struct situ_index **ret_index, struct situ_error *error);

/* A small JPEG of a stored image, a few kB, made on the array: its longer edge is `edge` pixels, 16
 * to 512; 0: 160. The caller frees *ret_bytes with free(). SITU_NOT_FOUND also if the array has no
 * image model, whose worker decodes. */
SITU_API int situ_thumbnail(struct situ *array, const char *object, uint32_t edge, void **ret_bytes,
                            size_t *ret_size, struct situ_error *error);

/* ---- Models ---------------------------------------------------------------------------------- */

struct situ_tensor_info {
    const char *name;
    const char *datatype;
    uint32_t rank;
    const int64_t *dims; /* -1: variable */
};

struct situ_property {
    const char *name;
    const char *value; /* as text */
};

/* "" or 0 for what the array does not report. */
struct situ_model {
    const char *name;
    const char *version; /* the requested one; of a name alone the newest */
    const char *const *versions;
    size_t version_count;
    const char *task;    /* image-classification, feature-extraction or tensor */
    const char *state;   /* ready, unloaded or failed */
    const char *reason;  /* why it failed */
    int loaded;          /* a worker holds it now */
    const char *digest;  /* SHA-256 over all files, hexadecimal */
    uint64_t size_bytes; /* of all files */
    uint64_t label_count;

    /* situ_model_show and situ_model_add only. */
    const char *family; /* image processor */
    const struct situ_tensor_info *inputs;
    size_t input_count;
    const struct situ_tensor_info *outputs;
    size_t output_count;
    const struct situ_property
        *pipeline; /* the steps applied to an image, as the preprocessor names them */
    size_t pipeline_count;
    const char *const *notes;
    size_t note_count;
    const char *json; /* the array's response */
};

struct situ_models {
    const struct situ_model *const *models;
    size_t count;
    const char *json; /* the array's response */
};

SITU_API int situ_model_list(struct situ *array, struct situ_models **ret_models,
                             struct situ_error *error);
SITU_API void situ_models_free(struct situ_models *models);

SITU_API int situ_model_show(struct situ *array, const char *model, struct situ_model **ret_model,
                             struct situ_error *error);
SITU_API void situ_model_free(struct situ_model *model);

struct situ_add_options {
    size_t struct_size;
    const char *preset; /* for a bare model.onnx: imagenet, clip, siglip ...; NULL: none */

    /* Called from time to time in the calling thread while the package is sent, with numbers of
     * bytes; when `sent` is `total`, the array validates it. A nonzero value stops the upload:
     * SITU_CANCELLED. NULL: none. */
    int (*progress)(void *context, uint64_t sent, uint64_t total);
    void *context;
};

/* Sends a model package from this machine as the next version of `name`: a directory (symbolic
 * links to files are followed; hidden files and weights of other frameworks, such as *.safetensors,
 * are skipped) or one .onnx file with its external data. It becomes visible when the array has
 * loaded it and run it once. ret_model may be NULL. Errors: SITU_UNFIT with the array's reason;
 * SITU_IO for a file that cannot be read; SITU_TOO_LARGE above 4 GiB or 256 files. */
SITU_API int situ_model_add(struct situ *array, const char *name, const char *path,
                            const struct situ_add_options *options, struct situ_model **ret_model,
                            struct situ_error *error);

/* Removes all versions, or one ("NAME@VERSION"). Running requests finish with the version they use.
 */
SITU_API int situ_model_remove(struct situ *array, const char *model, struct situ_error *error);

struct situ_label_table {
    const char *const *labels; /* by class index */
    size_t count;
    const char *json; /* the array's response */
};

SITU_API int situ_labels(struct situ *array, const char *model, struct situ_label_table **ret_table,
                         struct situ_error *error);
SITU_API void situ_label_table_free(struct situ_label_table *table);

/* ---- Stores ---------------------------------------------------------------------------------- */

struct situ_store {
    const char *name;
    const char *kind; /* "dir" ... */
};

struct situ_stores {
    const struct situ_store *const *stores;
    size_t count;
    const char *json; /* the array's response */
};

SITU_API int situ_store_list(struct situ *array, struct situ_stores **ret_stores,
                             struct situ_error *error);
SITU_API void situ_stores_free(struct situ_stores *stores);

/* Whether the store at `index` of a list is available: 1 or 0. ret_reason (may be NULL) is why not,
 * "" if it is available or the caller's rights are for a part of it; ret_since (may be NULL) is the
 * time of the last change of its state, such as 2026-01-31T12:00:00Z, "" if the array does not
 * report it. Both live as long as the list. -EINVAL: there is no such store. */
SITU_API int situ_stores_available(const struct situ_stores *stores, size_t index,
                                   const char **ret_reason, const char **ret_since);

/* Makes the array close everything in a store, so that its file system can be unmounted; the store
 * is then unavailable, and jobs that need it pause. SITU_CONFLICT if something is still being read
 * after two seconds: the store is detached nevertheless. */
SITU_API int situ_store_detach(struct situ *array, const char *store, struct situ_error *error);

/* Makes the array use a detached store again. `empty` nonzero: accept that the store is empty.
 * SITU_UNAVAILABLE, with the reason, if it cannot be served; it becomes available by itself when it
 * can. */
SITU_API int situ_store_attach(struct situ *array, const char *store, int empty,
                               struct situ_error *error);

struct situ_list_options {
    size_t struct_size;
    int sizes;         /* nonzero: with size_bytes, at the cost of a stat of each object */
    int all;           /* nonzero: also files with an unknown suffix */
    const char *after; /* start after this key (bytes, without the store); NULL: at the first */
};

struct situ_object {
    const char *name;    /* STORE/KEY */
    const char *key;     /* without the store */
    uint64_t size_bytes; /* 0 if sizes were not requested */
};

struct situ_objects; /* an iterator */

/* Lists the objects whose name begins with `selection` (as in situ_run), in order of key bytes,
 * fetching page after page as needed. */
SITU_API int situ_object_list(struct situ *array, const char *selection,
                              const struct situ_list_options *options,
                              struct situ_objects **ret_objects, struct situ_error *error);

/* 1 and *ret_object, which lives until the next call; 0 at the end; a negative errno. */
SITU_API int situ_object_next(struct situ_objects *objects, const struct situ_object **ret_object,
                              struct situ_error *error);

/* Nonzero if the last error of situ_object_next was that one directory cannot be listed: the next
 * call continues after it. */
SITU_API int situ_objects_unlisted(const struct situ_objects *objects);

/* The bytes of the name of the object returned last; lives as long as the object. */
SITU_API const char *situ_object_raw_name(const struct situ_objects *objects);

/* Objects skipped for their suffix in the pages read so far; and everything left out there. */
SITU_API uint64_t situ_objects_skipped(const struct situ_objects *objects);
SITU_API int situ_objects_left_out(const struct situ_objects *objects,
                                   struct situ_left_out *ret_left_out);

SITU_API void situ_objects_free(struct situ_objects *objects);

/* ---- The array ------------------------------------------------------------------------------- */

struct situ_array_status {
    const char *version;
    const char *state; /* "ready" or "stopping" */
    double uptime_s;
    uint32_t cores;
    uint32_t lanes;
    uint32_t lanes_busy;
    uint32_t queue;               /* objects waiting */
    uint32_t models_loaded;       /* loaded in a worker now */
    uint64_t memory_bytes;        /* of their workers, measured after loading */
    uint64_t memory_budget_bytes; /* above it, idle models are unloaded */
    int landlock;                 /* nonzero: the workers' sandbox has it */
    int seccomp;                  /* likewise */
    const char *sandbox_warning;  /* "", or what is missing */
    uint64_t objects;             /* inferred since the start */
    uint64_t bytes_read;          /* from stores since the start */
    uint64_t bytes_sent;          /* to clients since the start */
    uint64_t bytes_received;      /* from clients since the start */
    const char *json;             /* the array's response */
};

SITU_API int situ_status(struct situ *array, struct situ_array_status **ret_status,
                         struct situ_error *error);
SITU_API void situ_array_status_free(struct situ_array_status *status);

/* 1 if the caller's rights are not for all stores. The array does not report the work of all
 * callers then: lanes_busy, queue, objects and the bytes that were read, sent and received are 0.
 * Otherwise 0; -EINVAL. */
SITU_API int situ_array_status_is_partial(const struct situ_array_status *status);

/* The stores that are unavailable: 1 with the name and reason of number `index` of them, which live
 * as long as `status`; 0 past the end. The reason is "" if the caller's rights are for a part of
 * the store. -EINVAL. */
SITU_API int situ_array_degraded(const struct situ_array_status *status, size_t index,
                                 const char **ret_store, const char **ret_reason);

/* The array's result cache: contents by the identity of a file, answers by content. */
struct situ_cache {
    int on;
    int paused; /* nothing is written at present, for example on a full disk */
    uint64_t contents;
    uint64_t answers;
    uint64_t used_bytes;
    uint64_t file_bytes;
    uint64_t limit_bytes;
    uint64_t content_hits; /* since the start, like the rest */
    uint64_t answer_hits;
    uint64_t content_misses;
    uint64_t answer_misses;
    uint64_t evictions;
    uint64_t dropped; /* writes lost because the queue or disk was full */
    uint64_t damaged; /* damaged entries found and skipped */
    const char *json; /* the array's response */
};

SITU_API int situ_cache_status(struct situ *array, struct situ_cache **ret_cache,
                               struct situ_error *error);
SITU_API void situ_cache_free(struct situ_cache *cache);

/* Clears the cache. */
SITU_API int situ_cache_clear(struct situ *array, struct situ_error *error);

#ifdef __cplusplus
}
#endif

#endif
