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
 * Errors. Functions return 0 or a negative errno value (those that give the next of something: 1
 * where they do, 0 at the end) and, where `error` is not NULL, fill it with a code and a
 * message for people. Outputs (`ret_...`) are written on success; where an output is an object to
 * be freed it is NULL after a failure. Every function takes a NULL handle for -EINVAL and then
 * leaves `error` alone, so that a row of calls like the one above is safe without a check and ends
 * with the first error.
 *
 * Threads. A `struct situ` may be used by many threads at once. A results or objects iterator and
 * everything else that is handed out belongs to one thread at a time. Nothing here installs signal
 * handlers, starts threads or writes to stdout or stderr.
 *
 * Structs. An options struct begins with `struct_size`, set to its sizeof; other members at zero
 * mean the default, so that a program compiled today keeps working when members are added at the
 * end. Structs that the library fills may gain members at the end, too: use them where they are.
 *
 * Names. An object is "STORE/KEY" ("photos/2024/cat.jpg"): bytes, in UTF-8 or not, as the store has
 * them, and so are prefixes and globs. A name that the library hands out is text: one that is not
 * UTF-8 is percent-encoded ("photos/caf%E9.jpg", `%` itself as %25), and a function beside it
 * (situ_result_raw_name and its like) gives the bytes, which name the object in other calls. Where
 * both are equal nothing is encoded: an object may be called "caf%E9.jpg". A model is "NAME" for
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

/* What went wrong. The first group is what the array says, in the words of docs/protocol.md. */
enum situ_code {
    SITU_OK = 0,
    SITU_MALFORMED = 1,       /* a request that is not well formed */
    SITU_UNAUTHORIZED = 2,    /* no token, or a wrong one */
    SITU_FORBIDDEN = 3,       /* not allowed for anybody */
    SITU_NOT_FOUND = 4,       /* no such model, store or object */
    SITU_CONFLICT = 5,        /* exists already, or is in use */
    SITU_TOO_LARGE = 6,       /* above a limit of the array */
    SITU_UNDECODABLE = 7,     /* the object is no image that can be decoded */
    SITU_UNFIT = 8,           /* well formed, but does not fit the model */
    SITU_BUSY = 9,            /* the array's queue is full, also after the retries */
    SITU_UNAVAILABLE = 10,    /* starting, stopping, or a model that cannot be loaded */
    SITU_DEADLINE = 11,       /* the array's deadline for the object passed */
    SITU_WORKER_CRASHED = 12, /* the object ended its worker process, alone */
    SITU_UNREADABLE = 13,     /* the store could not read the object */
    SITU_CHANGED = 14,        /* the object changed while it was read */
    SITU_NO_SPACE = 15,       /* the disk of the array's state directory is full */
    SITU_IO = 16,             /* other input/output failure, there or here */
    SITU_MEMORY = 17,         /* out of memory, there or here */
    SITU_CANCELLED = 18,      /* stopped by the caller's own callback */
    SITU_INTERNAL = 19,       /* a fault of the array */

    SITU_UNREACHABLE = 100, /* no connection, or it was cut and could not be taken up again */
    SITU_PROTOCOL = 101,    /* the answer is not what docs/protocol.md says */
    SITU_USAGE = 102        /* an argument of this call, see the message */
};

#define SITU_MESSAGE_SIZE 512

/* Owned by the caller; need not be initialised. Left alone by a call that succeeds. */
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
    uint32_t
        idle_timeout_ms;    /* without a byte either way before a request is given up; 0: 180,000 */
    uint32_t retries;       /* times a busy array is asked again, or a cut run taken up again
                               without a result in between; 0: 8, over about 20 s; UINT32_MAX:
                               never */
    uint32_t retry_wait_ms; /* before the first retry, doubled each time up to 5 s; 0: 250. What
                               the array asks for (Retry-After) counts up to 30 s */
};

/* Makes a handle; connects only when it is first used. `address` is one of
 *
 *     http://HOST[:PORT][/BASE]   https://HOST[:PORT][/BASE]   HOST[:PORT]   unix:PATH_OF_SOCKET
 *
 * where HOST alone is http on port 7433, a URL without a port has its scheme's, and an IPv6 address
 * stands in brackets. NULL: $SITU_ADDRESS; else the socket SITU_DEFAULT_SOCKET where there is one;
 * else http://127.0.0.1:7433. Proxies of the environment are used except for loopback.
 * Errors: SITU_USAGE (-EINVAL), SITU_IO where the token file cannot be read, SITU_MEMORY. */
SITU_API int situ_open(const char *address, const struct situ_options *options,
                       struct situ **ret_array, struct situ_error *error);

/* Closes idle connections and frees the handle; NULL is fine. No other call may be running on it,
 * and iterators made from it are freed before. */
SITU_API void situ_close(struct situ *array);

/* The address in use, as text for people; lives as long as the handle. */
SITU_API const char *situ_address(const struct situ *array);

/* Bytes that this handle has sent and received so far: HTTP heads and bodies as they cross the
 * wire, chunked and compressed, before TLS and TCP. */
SITU_API void situ_traffic(const struct situ *array, uint64_t *ret_sent, uint64_t *ret_received);

/* ---- Results --------------------------------------------------------------------------------- */

struct situ_class {
    uint32_t index;    /* of the class in the model's output */
    float score;       /* 0..1 where the model gives probabilities */
    const char *label; /* "" where the model has none */
};

/* Numbers, row by row, in the byte order of this machine, aligned for their type. BYTES: strings,
 * each behind its length in four bytes, little-endian. */
struct situ_tensor {
    const char *name;
    const char *datatype; /* FP32, FP16, INT64, UINT8, BOOL ... as in the Open Inference Protocol */
    uint32_t rank;        /* length of dims; 0 is a scalar */
    const int64_t *dims;  /* outermost first */
    const void *data;
    size_t size_bytes;
    size_t count; /* elements: the product of dims */
};

/* What came out for one object: a failure (code is not SITU_OK), or classes, an embedding or
 * outputs, by the model's task. */
struct situ_result {
    const char *object; /* as named; "" for bytes without a name */

    int code;            /* SITU_OK, or why this object failed */
    const char *message; /* "" or the reason, for people */

    /* image-classification: in falling order of score, ties by index. Never NULL: where class_count
     * is 0 it points at one class with an empty label and score 0. */
    const struct situ_class *classes;
    size_t class_count;

    const float *embedding; /* feature-extraction; NULL else */
    size_t embedding_size;  /* values */

    const struct situ_tensor *outputs; /* tensor; NULL else */
    size_t output_count;

    int gone; /* nonzero: a standing job tells that the object is no longer there, and nothing else;
                 code is SITU_OK */
};

/* How the text of labels gets here. A job that is followed later (situ_job_start) has either labels
 * in its lines (SITU_LABELS_INLINE) or none; who follows it without looks them up. */
enum situ_labels_mode {
    SITU_LABELS_AUTO = 0,   /* inline for one object and short lists, else by lookup */
    SITU_LABELS_INLINE = 1, /* with each class */
    SITU_LABELS_LOOKUP =
        2,               /* the whole table once, then indices only: fewer bytes for many objects */
    SITU_LABELS_NONE = 3 /* not at all */
};

/* What becomes of the job of a run. */
enum situ_keep {
    SITU_KEEP_NOT = 0,    /* it goes with the run, before its end, too */
    SITU_KEEP_JOB = 1,    /* it goes on when the run is freed, and stays in the array's list */
    SITU_KEEP_RESULTS = 2 /* it goes on when the run is freed; the array removes it when it is done
                             and somebody has taken its results to the end */
};

struct situ_run_options {
    size_t struct_size;
    uint32_t top;    /* classes of each object, at most 1,000; 0: 5 */
    uint32_t labels; /* an enum situ_labels_mode */

    int no_cache; /* nonzero: infer, whatever the array's result cache knows */

    /* The rest is about runs and jobs; one object at a time passes it over. */
    uint32_t priority;     /* 1 to 9, higher goes first; 0: 5; UINT32_MAX: 0, the lowest */
    uint64_t max_failures; /* when more objects than this have failed, the job fails; 0: no bound;
                              UINT64_MAX: none may fail */
    const char *glob;    /* with a prefix: only keys that match it (docs/protocol.md); NULL: all */
    int standing;        /* nonzero, with a prefix: the job stays and tells what is new or changed
                            (results as ever) and what is gone (situ_result.gone), for ever */
    uint32_t interval_s; /* of a standing job, between two passes; at most 86,400; 0: 60 */
    int keep;            /* an enum situ_keep: what becomes of the job of a run */
    int progress;        /* nonzero: the array tells at most once a second how far it is; some
                            bytes, see struct situ_progress */

    /* Called in the calling thread a few times a second while situ_run, situ_job_follow or
     * situ_next wait, and when a signal has interrupted the wait. Nonzero ends the call with
     * SITU_CANCELLED; situ_next may then be called again, and goes on. NULL: none. */
    int (*on_wait)(void *context);
    void *context;
};

/* Infers one stored object; the whole exchange is about 430 bytes. The result is the caller's
 * (situ_result_free). An object that fails is an error of this call. */
SITU_API int situ_infer(struct situ *array, const char *model, const char *object,
                        const struct situ_run_options *options, struct situ_result **ret_result,
                        struct situ_error *error);

/* The same for an encoded image (JPEG, PNG, WebP) that the caller holds: `size` bytes at `bytes`,
 * borrowed for the call. `name` comes back as the result's object; NULL: none. */
SITU_API int situ_infer_bytes(struct situ *array, const char *model, const char *name,
                              const void *bytes, size_t size,
                              const struct situ_run_options *options,
                              struct situ_result **ret_result, struct situ_error *error);

SITU_API void situ_result_free(struct situ_result *result); /* of the two above; NULL is fine */

/* The bytes of the object's name; lives as long as the result's `object`. */
SITU_API const char *situ_result_raw_name(const struct situ_result *result);

/* The result as one line of JSON without a line feed, in the form of docs/protocol.md; the caller
 * frees *ret_text with free(). A name that is not UTF-8 is percent-encoded, and marked so. -ENOMEM.
 */
SITU_API int situ_result_json(const struct situ_result *result, char **ret_text);

/* Element `index` of a tensor as a double (large 64-bit integers are rounded); NaN past the end. */
SITU_API double situ_tensor_value(const struct situ_tensor *tensor, size_t index);

/* ---- Runs over many objects ------------------------------------------------------------------ */

/* What the selections of a handle leave out, and take in, beside prefix and glob. */
struct situ_select_options {
    size_t struct_size;
    const char *const *exclude; /* patterns, at most 64 (docs/protocol.md): what they match is left
                                   out, a directory with all that is in it */
    size_t exclude_count;
    int no_exclude_defaults; /* nonzero: take what the store excludes by default, too */
    int sniff;               /* nonzero: judge files with a foreign suffix by their first bytes */
};

/* From now on for situ_run, situ_job_start, situ_index_create and, but for the patterns, for
 * situ_object_list. Copied; NULL: as at the start. Not while another thread uses the handle.
 * SITU_USAGE. */
SITU_API int situ_select(struct situ *array, const struct situ_select_options *options,
                         struct situ_error *error);

struct situ_results; /* an iterator over the results of one run */

/* Runs `model` over every object whose name begins with `selection`: "photos" or "photos/" (the
 * whole store), "photos/2024/" (a folder), "photos/2024/IMG_" (any prefix), in order of key bytes.
 * Files with a foreign suffix are skipped and counted (struct situ_left_out). The array makes a job
 * of it, which is followed; returns when the array has taken it, so that an unknown model or store
 * is an error here; results then stream. */
SITU_API int situ_run(struct situ *array, const char *model, const char *selection,
                      const struct situ_run_options *options, struct situ_results **ret_results,
                      struct situ_error *error);

/* Runs `model` over `count` named objects, in that order; any number, streamed from the caller's
 * memory and not copied; borrowed for the call. A name that cannot be sent becomes a failed result
 * in its place: an empty one, or one that is too long. */
SITU_API int situ_run_objects(struct situ *array, const char *model, const char *const *objects,
                              size_t count, const struct situ_run_options *options,
                              struct situ_results **ret_results, struct situ_error *error);

/* The next result: 1 and *ret_result, which lives until the next call on `results`; 0 at the end;
 * a negative errno where the run cannot go on (and again at each further call). Blocks until there
 * is a result. A connection that is cut is taken up again behind the last result received, also
 * where the array was restarted; an object is never given twice (a standing job gives it again when
 * it has changed). A failed object is a result, not an error. A job that was cancelled ends with
 * SITU_CANCELLED, one that failed with its reason. */
SITU_API int situ_next(struct situ_results *results, const struct situ_result **ret_result,
                       struct situ_error *error);

struct situ_progress {
    size_t struct_size;      /* set by the caller */
    uint64_t selected;       /* objects of the run; 0 while the array has not told. It tells with
                                situ_run_options.progress, else at the end */
    uint64_t skipped;        /* passed over by suffix, so far */
    uint64_t done;           /* results given so far, failed ones included */
    uint64_t failed;         /* of those */
    uint64_t bytes_read;     /* object bytes read on the array; as `selected` */
    uint64_t bytes_sent;     /* on the wire for this run, as situ_traffic counts */
    uint64_t bytes_received; /* likewise */
    uint64_t resumed;        /* times a cut connection was taken up again */
    uint64_t cursor;         /* where situ_job_follow would go on behind the last result given */
    uint64_t results;        /* that the array had when it last told */
    uint64_t cached;         /* of those, from the result cache */
    uint64_t pass;           /* of a standing job, from 1 */
    int idle;                /* nonzero: a standing job has seen everything for now */
    const char *state;       /* of the job, as in struct situ_job; lives until the next call */
    const char *reason;      /* "", or why it is paused or failed; likewise */
};

/* Where the run is; call it at any time from the thread that calls situ_next. */
SITU_API int situ_results_progress(const struct situ_results *results,
                                   struct situ_progress *ret_progress);

/* NULL, or why there is no connection to the array right now: it is tried again, while situ_next
 * waits and calls `on_wait`. Lives until the next call. */
SITU_API const char *situ_results_cut(const struct situ_results *results);

/* What a selection leaves out. */
enum { SITU_SUFFIXES = 32 };

struct situ_left_out {
    size_t struct_size; /* set by the caller */
    uint64_t skipped;   /* files with a foreign suffix: HEIC, raw, video... (docs/protocol.md) */
    uint64_t links;     /* symbolic links: they are not followed */
    uint64_t excluded;  /* files, and whole directories, that the selection excludes */
    uint64_t names;     /* files whose names are too long to be listed */
    uint32_t suffix_count;
    struct situ_suffix {
        char suffix[16]; /* lower case, without its dot */
        uint64_t files;
    } suffixes[SITU_SUFFIXES]; /* of the skipped files: the most frequent ones, most files first */
};

/* Of a run, as far as the array has told (as with `selected`). -EINVAL. */
SITU_API int situ_results_left_out(const struct situ_results *results,
                                   struct situ_left_out *ret_left_out);

/* Objects of a run that were selected and then removed before their turn came, told at its end:
 * they have no result. */
SITU_API uint64_t situ_results_gone(const struct situ_results *results);

/* The id of the run's job, "" where there is none (all names refused); lives as long as `results`.
 */
SITU_API const char *situ_results_job(const struct situ_results *results);

/* Ends the run; NULL is fine. Before its end the job of a run goes with it, after one try to tell
 * the array so; but not one that is kept (enum situ_keep), nor one of situ_job_follow. */
SITU_API void situ_results_free(struct situ_results *results);

/* ---- Jobs ------------------------------------------------------------------------------------ */

/* A job as the array tells of it: a model over many objects, durable, which goes on when its client
 * leaves and when the array is restarted. "" or 0 where the array does not say. */
struct situ_job {
    const char *id;
    const char *model;
    const char *version; /* pinned when it was started, as is the digest */
    const char *digest;
    const char *store; /* "" for a list of names that say it themselves */
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
    int reason_code;      /* SITU_OK, or why it failed, or paused by itself: an enum situ_code */
    const char *reason;   /* likewise, for people */
    const char *created;  /* "2026-11-23T09:00:00Z" */
    const char *finished; /* likewise; "" while it has not ended */
    int selected_known;   /* the selection has been counted */
    uint64_t selected;
    uint64_t skipped;
    uint64_t results; /* that can be read now: the highest cursor */
    uint64_t failed;
    uint64_t cached;
    uint64_t bytes_read;
    uint64_t pass; /* of a standing job, from 1 */
    int idle;
    const char *json; /* the array's own words */
};

struct situ_jobs {
    const struct situ_job *const *jobs; /* oldest first */
    size_t count;
    const char *json; /* the array's own words */
};

/* Objects that were selected and then removed before their turn came, of a job that is done: they
 * have no result. 0 where `job` is NULL. */
SITU_API uint64_t situ_job_gone(const struct situ_job *job);

/* -EINVAL, -ENOMEM. */
SITU_API int situ_job_left_out(const struct situ_job *job, struct situ_left_out *ret_left_out);

/* Starts a job over a prefix, as situ_run, and leaves it to itself; it stays in the array's list
 * when it has ended. `progress`, `keep` and `on_wait` are passed over. */
SITU_API int situ_job_start(struct situ *array, const char *model, const char *selection,
                            const struct situ_run_options *options, struct situ_job **ret_job,
                            struct situ_error *error);

/* The same over names, as situ_run_objects; but a name that cannot be sent is SITU_USAGE, and
 * nothing is started. */
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

/* Gives a job's results to situ_next: those behind the first `after`, and those still to come until
 * it ends. Of the options, `labels` (SITU_LABELS_NONE, or labels), `progress` and `on_wait` count;
 * NULL: none. SITU_MALFORMED where it has fewer results than `after`. */
SITU_API int situ_job_follow(struct situ *array, const char *id, uint64_t after,
                             const struct situ_run_options *options,
                             struct situ_results **ret_results, struct situ_error *error);

/* Each gives the job as it is then; ret_job may be NULL. SITU_CONFLICT where its state does not
 * allow it. Objects under way still get their results. */
SITU_API int situ_job_pause(struct situ *array, const char *id, struct situ_job **ret_job,
                            struct situ_error *error);
SITU_API int situ_job_resume(struct situ *array, const char *id, struct situ_job **ret_job,
                             struct situ_error *error);
/* As situ_job_resume(), and the job takes the file systems that its stores have now, where it is
 * paused because they are others than it began with. SITU_UNAVAILABLE: such a store cannot be
 * served. */
SITU_API int situ_job_resume_accepting(struct situ *array, const char *id,
                                       struct situ_job **ret_job, struct situ_error *error);
SITU_API int situ_job_cancel(struct situ *array, const char *id, struct situ_job **ret_job,
                             struct situ_error *error);

/* From now on the job leaves out what its store excludes at present, as a new one would: for jobs
 * of versions that did not, or older than the store's setting. Of a standing job that is then gone.
 */
SITU_API int situ_job_exclude_defaults(struct situ *array, const char *id,
                                       struct situ_job **ret_job, struct situ_error *error);

/* Starts a new job over exactly the objects that failed in an ended one. SITU_CONFLICT where none
 * did. */
SITU_API int situ_job_retry(struct situ *array, const char *id, struct situ_job **ret_job,
                            struct situ_error *error);

/* Removes a job with its results; cancels it first where it runs. */
SITU_API int situ_job_remove(struct situ *array, const char *id, struct situ_error *error);

/* ---- Indexes --------------------------------------------------------------------------------- */

/* An index as the array tells of it: the embeddings of the objects that a selection names, under
 * one feature-extraction model, kept up to date by a standing job. "" or 0 where the array does not
 * say. */
struct situ_index {
    const char *name;
    const char *model;
    const char *version; /* "" of one that was imported, as the selection and the job */
    const char *digest;
    const char *store;
    const char *prefix;
    const char *glob;
    const char *metric; /* "cosine", "dot" or "euclidean" */
    uint32_t interval_s;
    uint32_t dimension; /* 0 until the first embedding has come */

    const char *state;  /* filling, ready, paused or failed; what is there can be searched always */
    int reason_code;    /* SITU_OK, or why it failed or paused: an enum situ_code */
    const char *reason; /* likewise, for people */
    uint64_t rows;      /* objects that can be found */
    int selected_known; /* the selection has been counted */
    uint64_t selected;  /* objects that it names */
    uint64_t failed;    /* of those: without an embedding */
    uint64_t damaged;   /* rows that cannot be read; each is inferred again */
    const char *job;    /* that fills it */
    uint64_t size_bytes;    /* on disk */
    const char *next_model; /* another one that builds beside and takes its place; "": none */
    const char *next_version;
    uint64_t next_rows;
    uint64_t next_selected; /* 0 while it is not known */
    const char *json;       /* the array's own words */
};

struct situ_indexes {
    const struct situ_index *const *indexes; /* by name */
    size_t count;
    const char *json; /* the array's own words */
};

struct situ_index_options {
    size_t struct_size;
    const char *metric;  /* NULL: cosine */
    const char *glob;    /* only keys that match it (docs/protocol.md); NULL: all */
    uint32_t interval_s; /* between two looks at the store; at most 86,400; 0: 60 */
};

/* Makes an index over the objects whose name begins with `selection` (as in situ_run), and returns
 * at once; the array fills it. SITU_CONFLICT where the name is taken, SITU_UNFIT for a model that
 * gives no embeddings. ret_index may be NULL. */
SITU_API int situ_index_create(struct situ *array, const char *index, const char *model,
                               const char *selection, const struct situ_index_options *options,
                               struct situ_index **ret_index, struct situ_error *error);

SITU_API void situ_index_free(struct situ_index *index); /* NULL is fine */

/* -EINVAL, -ENOMEM. */
SITU_API int situ_index_left_out(const struct situ_index *index,
                                 struct situ_left_out *ret_left_out);

SITU_API int situ_index_list(struct situ *array, struct situ_indexes **ret_indexes,
                             struct situ_error *error);
SITU_API void situ_indexes_free(struct situ_indexes *indexes);

SITU_API int situ_index_show(struct situ *array, const char *index, struct situ_index **ret_index,
                             struct situ_error *error);

/* Removes it with its job. */
SITU_API int situ_index_remove(struct situ *array, const char *index, struct situ_error *error);

/* Fills another beside it with `model`, to take its place when complete. ret_index may be NULL. */
SITU_API int situ_index_rebuild(struct situ *array, const char *index, const char *model,
                                struct situ_index **ret_index, struct situ_error *error);

/* The same with what its store excludes at present left out, for an index that has it; `model`
 * NULL: as it is. */
SITU_API int situ_index_exclude_defaults(struct situ *array, const char *index, const char *model,
                                         struct situ_index **ret_index, struct situ_error *error);

/* ---- Search ---------------------------------------------------------------------------------- */

/* A stored object that is near to what was asked for. */
struct situ_hit {
    const char *object;
    double score;    /* higher is nearer: cosine, inner product, or minus the distance */
    double distance; /* 1 - cosine, minus the inner product, or the Euclidean one */
};

struct situ_hits {
    const struct situ_hit *hits; /* nearest first, equal scores by name */
    size_t count;
    uint64_t damaged; /* rows that might have been among them, but cannot be read: 0 as a rule */
    const char *json; /* the array's own words; "" in a batch */
};

/* The bytes of the name of hits[index]; lives as long as the hits, which are the library's. NULL
 * behind the last. */
SITU_API const char *situ_hit_raw_name(const struct situ_hits *hits, size_t index);

struct situ_search_options {
    size_t struct_size;
    uint32_t k;         /* hits wanted, at most 1,000; 0: 10 */
    const char *prefix; /* only objects whose name begins with it; NULL: all */
    double min_score;   /* only objects that score at least that, where has_min_score is nonzero */
    int has_min_score;
    int exclude_self; /* nonzero: without the object that was asked for */
};

/* The stored objects most like a stored one: the answer is exact, and the whole exchange is about
 * 1 kB for 10 hits. An object that the index does not hold is inferred for it. SITU_UNAVAILABLE
 * while the index has no row yet. */
SITU_API int situ_search(struct situ *array, const char *index, const char *object,
                         const struct situ_search_options *options, struct situ_hits **ret_hits,
                         struct situ_error *error);

/* Those most like an encoded image (JPEG, PNG, WebP) that the caller holds: `size` bytes at
 * `bytes`, borrowed for the call. */
SITU_API int situ_search_bytes(struct situ *array, const char *index, const void *bytes,
                               size_t size, const struct situ_search_options *options,
                               struct situ_hits **ret_hits, struct situ_error *error);

SITU_API void situ_hits_free(struct situ_hits *hits); /* NULL is fine */

struct situ_batch {
    const struct situ_hits *queries; /* in the order asked */
    size_t count;
};

/* Many queries of `dimension` values each, one behind the other; any number, sent 64 at a time. */
SITU_API int situ_search_vectors(struct situ *array, const char *index, const float *vectors,
                                 size_t count, size_t dimension,
                                 const struct situ_search_options *options,
                                 struct situ_batch **ret_batch, struct situ_error *error);

SITU_API void situ_batch_free(struct situ_batch *batch); /* NULL is fine */

struct situ_duplicate {
    const char *object;
    double score; /* with the group's first object, which has 1 by cosine */
};

/* Objects that are near one another, or over others of the group. */
struct situ_group {
    const struct situ_duplicate *objects;
    size_t count;
};

struct situ_groups; /* an iterator */
struct situ_duplicates_options {
    size_t struct_size;
    int progress;                  /* nonzero: the array tells of it, see situ_groups_looked_at */
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

/* The bytes of the name of objects[index] in the group that was given last; lives as long as that.
 * NULL behind the last. */
SITU_API const char *situ_group_raw_name(const struct situ_groups *groups, size_t index);

/* Objects of the index that have been compared so far; at the end, how many could not be, since
 * the array cannot read their rows: members, or groups, may be missing. */
SITU_API uint64_t situ_groups_looked_at(const struct situ_groups *groups);
SITU_API uint64_t situ_groups_damaged(const struct situ_groups *groups);

SITU_API void situ_groups_free(struct situ_groups *groups); /* NULL is fine */

struct situ_vector {    /* one row of an index */
    const char *object; /* to an import: the name's bytes */
    const float *values;
    size_t count;
};

/* All rows of an index, in order of the names, by an iterator. */
struct situ_vectors;
SITU_API int situ_index_export(struct situ *array, const char *index,
                               struct situ_vectors **ret_vectors, struct situ_error *error);

/* 1 and *ret_vector, which lives until the next call; 0 at the end; a negative errno, also where
 * the connection was cut: an export is not taken up again. */
SITU_API int situ_vector_next(struct situ_vectors *vectors, const struct situ_vector **ret_vector,
                              struct situ_error *error);

/* The bytes of the name of the row that was given last; lives as long as that. */
SITU_API const char *situ_vector_raw_name(const struct situ_vectors *vectors);

/* At the end: rows that are missing, since the array cannot read them. 0 as a rule. */
SITU_API uint64_t situ_vectors_damaged(const struct situ_vectors *vectors);

SITU_API void situ_vectors_free(struct situ_vectors *vectors); /* NULL is fine */

struct situ_import_options {
    size_t struct_size;
    const char *metric; /* NULL: cosine */
    const char *model;  /* that embeds a query which is an image; NULL: none */
};

/* Makes an index of rows that were made elsewhere, all of one length, each name once (the last
 * counts). `next` gives one row after the other: 1 and *ret_vector, which it keeps until it is
 * called again; 0 at the end; a negative value ends the import with SITU_CANCELLED. ret_index may
 * be NULL. */
SITU_API int situ_index_import(struct situ *array, const char *index,
                               int (*next)(void *context, struct situ_vector *ret_vector),
                               void *context, const struct situ_import_options *options,
                               struct situ_index **ret_index, struct situ_error *error);

/* The same of `count` names and as many rows of `dimension` values, one behind the other. */
SITU_API int situ_index_import_rows(struct situ *array, const char *index,
                                    const char *const *objects, const float *vectors, size_t count,
                                    size_t dimension, const struct situ_import_options *options,
                                    struct situ_index **ret_index, struct situ_error *error);

/* A small JPEG of a stored image, a few kB, made on the array: its longer edge is `edge` pixels, 16
 * to 512; 0: 160. The caller frees *ret_bytes with free(). SITU_NOT_FOUND also where no image model
 * is there, whose worker could decode. */
SITU_API int situ_thumbnail(struct situ *array, const char *object, uint32_t edge, void **ret_bytes,
                            size_t *ret_size, struct situ_error *error);

/* ---- Models ---------------------------------------------------------------------------------- */

struct situ_tensor_info {
    const char *name;
    const char *datatype;
    uint32_t rank;
    const int64_t *dims; /* -1: the model leaves it open */
};

struct situ_property {
    const char *name;
    const char *value; /* as text */
};

/* "" or 0 where the array does not say. */
struct situ_model {
    const char *name;
    const char *version; /* the one that a bare name means, or that was asked for */
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
        *pipeline; /* what is done to an image, in the preprocessor's words */
    size_t pipeline_count;
    const char *const *notes;
    size_t note_count;
    const char *json; /* the array's own words */
};

struct situ_models {
    const struct situ_model *const *models;
    size_t count;
    const char *json; /* the array's own words */
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

    /* Called now and then in the calling thread while the package is sent, with bytes of it; once
     * `sent` is `total` the array validates. Nonzero stops the upload: SITU_CANCELLED. NULL: none.
     */
    int (*progress)(void *context, uint64_t sent, uint64_t total);
    void *context;
};

/* Sends a model package from this machine as the next version of `name`: a directory (symbolic
 * links to files are followed; hidden files and weights of other frameworks, such as *.safetensors,
 * are left out) or one .onnx file with its external data. It becomes visible when the array has
 * loaded it and run it once. ret_model may be NULL. Errors: SITU_UNFIT with the array's reason;
 * SITU_IO for a file that cannot be read; SITU_TOO_LARGE beyond 4 GiB or 256 files. */
SITU_API int situ_model_add(struct situ *array, const char *name, const char *path,
                            const struct situ_add_options *options, struct situ_model **ret_model,
                            struct situ_error *error);

/* Removes all versions, or with "NAME@VERSION" one. Requests that run keep theirs to the end. */
SITU_API int situ_model_remove(struct situ *array, const char *model, struct situ_error *error);

struct situ_label_table {
    const char *const *labels; /* by class index */
    size_t count;
    const char *json; /* the array's own words */
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
    const char *json; /* the array's own words */
};

SITU_API int situ_store_list(struct situ *array, struct situ_stores **ret_stores,
                             struct situ_error *error);
SITU_API void situ_stores_free(struct situ_stores *stores);

/* Whether the store at `index` of a list can be served: 1, or 0 where it is unavailable. ret_reason
 * (may be NULL) is why, "" where it is available; ret_since (may be NULL) is when its state became
 * so, as 2026-01-31T12:00:00Z, "" where the array does not say. Both live as long as the list.
 * -EINVAL: there is no such store. */
SITU_API int situ_stores_available(const struct situ_stores *stores, size_t index,
                                   const char **ret_reason, const char **ret_since);

/* Has the array close everything in a store, so that its file system can be unmounted there; the
 * store is unavailable then, and what needs it waits. SITU_CONFLICT where something is still being
 * read after two seconds: it is detached all the same. */
SITU_API int situ_store_detach(struct situ *array, const char *store, struct situ_error *error);

/* Has the array take a store again. `empty`, nonzero: it is right that nothing is in it.
 * SITU_UNAVAILABLE where the store cannot be served, with the reason; it will be by itself when it
 * can. */
SITU_API int situ_store_attach(struct situ *array, const char *store, int empty,
                               struct situ_error *error);

struct situ_list_options {
    size_t struct_size;
    int sizes;         /* nonzero: size_bytes too, at the cost of a stat of each object */
    int all;           /* nonzero: suffixes that no decoder knows, too */
    const char *after; /* begin behind this key, in bytes, without the store; NULL: at the start */
};

struct situ_object {
    const char *name;    /* STORE/KEY */
    const char *key;     /* without the store */
    uint64_t size_bytes; /* 0 where sizes were not asked for */
};

struct situ_objects; /* an iterator */

/* Lists the objects whose name begins with `selection` (as in situ_run), in order of key bytes,
 * page after page as they are wanted. */
SITU_API int situ_object_list(struct situ *array, const char *selection,
                              const struct situ_list_options *options,
                              struct situ_objects **ret_objects, struct situ_error *error);

/* 1 and *ret_object, which lives until the next call; 0 at the end; a negative errno. */
SITU_API int situ_object_next(struct situ_objects *objects, const struct situ_object **ret_object,
                              struct situ_error *error);

/* Nonzero where the error that situ_object_next gave last is that of one directory, which cannot be
 * listed: its next call goes on behind it. */
SITU_API int situ_objects_unlisted(const struct situ_objects *objects);

/* The bytes of the name of the object that was given last; lives as long as that. */
SITU_API const char *situ_object_raw_name(const struct situ_objects *objects);

/* Objects skipped for their suffix in the pages read so far; and all that these leave out. */
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
    uint32_t queue;               /* objects that wait */
    uint32_t models_loaded;       /* held by a worker now */
    uint64_t memory_bytes;        /* of the workers that hold them, when they were loaded */
    uint64_t memory_budget_bytes; /* above it, models that stand idle are let go */
    int landlock;                 /* nonzero: the workers' sandbox has it */
    int seccomp;                  /* likewise */
    const char *sandbox_warning;  /* "" or what is missing */
    uint64_t objects;             /* inferred since the start */
    uint64_t bytes_read;          /* from stores since the start */
    uint64_t bytes_sent;          /* to clients since the start */
    uint64_t bytes_received;      /* from clients since the start */
    const char *json;             /* the array's own words */
};

SITU_API int situ_status(struct situ *array, struct situ_array_status **ret_status,
                         struct situ_error *error);
SITU_API void situ_array_status_free(struct situ_array_status *status);

/* What cannot be served for now: 1 and the store at `index` of these with the reason, which live as
 * long as `status`; 0 behind the last. -EINVAL. */
SITU_API int situ_array_degraded(const struct situ_array_status *status, size_t index,
                                 const char **ret_store, const char **ret_reason);

/* The array's result cache: contents known by a file's identity, answers known by content. */
struct situ_cache {
    int on;
    int paused; /* nothing is written for now, as on a full disk */
    uint64_t contents;
    uint64_t answers;
    uint64_t used_bytes;
    uint64_t file_bytes;
    uint64_t limit_bytes;
    uint64_t content_hits; /* since the start, as the rest */
    uint64_t answer_hits;
    uint64_t content_misses;
    uint64_t answer_misses;
    uint64_t evictions;
    uint64_t dropped; /* writes that could not wait */
    uint64_t damaged; /* entries found so, and passed over */
    const char *json; /* the array's own words */
};

SITU_API int situ_cache_status(struct situ *array, struct situ_cache **ret_cache,
                               struct situ_error *error);
SITU_API void situ_cache_free(struct situ_cache *cache);

/* Forgets everything in it. */
SITU_API int situ_cache_clear(struct situ *array, struct situ_error *error);

#ifdef __cplusplus
}
#endif

#endif
