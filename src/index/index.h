/* SPDX-License-Identifier: Apache-2.0
 *
 * An index: vectors by key, and exact search for the nearest. It lives in a directory of its own
 * (`rows`: the float32 vectors, `codes`: an int8 copy, `meta/`: keys and slots in LMDB) and knows
 * nothing of objects, models or jobs; its owner feeds it.
 *
 * Contents: float32 rows of one dimension. An answer is exactly that of a search in double
 * precision through all rows as they are stored (and as index_get and a walk return them), ties in
 * order of key bytes: the int8 copy only rules out rows (quantize.h has the proof). Cosine rows are
 * normalised here, when they are put: a vector whose norm is 1 within 1e-6 is stored unchanged, so
 * that exported rows can be imported bit for bit; a vector of zeros remains one and has the score 0
 * with everything.
 *
 *   cosine     score = row . query / |query|, distance = 1 - score
 *   dot        score = row . query, distance = -score
 *   euclidean  distance = |row - query|, score = -distance; ordered by the distance's square
 *
 * Durability: the commit of a batch is atomic, and durable when it returns. Rows are written and
 * synced before LMDB's commit, which is the only commit point. A killed process loses only what was
 * not committed.
 *
 * Threads: any number may search, get and walk; each sees the index as of the last commit before it
 * started, and neither waits for a writer nor delays one. Batches of several threads are committed
 * one after the other. A slot (a row's place) that became free is reused only when no reader is
 * left that can see its old row.
 *
 * Damage: each row has a CRC-32C over its vector, slot, number and the index's id, and the same is
 * stored with its key. A row that does not match is never scored: it is left out, counted in the
 * answer and reported to the owner (INDEX_ROW_DAMAGED), who puts the key's vector again. Rows are
 * read with pread, never mapped. Each block of the int8 copy has a CRC-32C; a block that is damaged
 * or missing is rebuilt. LMDB's file is checked before it is mapped; where it is damaged,
 * index_open returns ERROR_MALFORMED and the owner rebuilds the index.
 *
 * Memory: the int8 copy, about rows x (dimension + 36) bytes, and the last filters by prefix, a bit
 * a row each, at most 32 MiB or one filter.
 */
#ifndef SITU_INDEX_INDEX_H
#define SITU_INDEX_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/limits.h"

#define INDEX_DIMENSION_MAX 4096u
#define INDEX_KEY_MAX LIMIT_KEY_BYTES /* bytes of a key, any but NUL; at least one */
#define INDEX_NOTE_MAX 256u
#define INDEX_ROWS_MAX (UINT32_C(1) << 28)
#define INDEX_VALUE_MAX 1e15f             /* of the magnitude of a vector's value */
#define INDEX_BATCH_MAX 65536u            /* puts and removals of one batch */
#define INDEX_BATCH_BYTES_MAX (256 * MIB) /* of their vectors and keys */
#define INDEX_QUERIES_MAX 64u             /* of one search: they share the pass over the rows */
#define INDEX_K_MAX 10000u
#define INDEX_THREADS_MAX 256u
#define INDEX_READERS_MAX 256u /* searches, gets and walks at once; more get ERROR_BUSY */

enum index_metric { INDEX_COSINE = 1, INDEX_DOT, INDEX_EUCLIDEAN };

/* "cosine", "dot", "euclidean"; "" for another value. And back: 0 for another text. */
const char *index_metric_name(enum index_metric metric);
enum index_metric index_metric_parse(const char *name);

struct index_shape {
    uint32_t dimension; /* 1 to INDEX_DIMENSION_MAX */
    enum index_metric metric;
};

enum index_event {
    INDEX_ROW_DAMAGED, /* that of `key`: put it again */
    INDEX_COPY_REBUILT /* blocks of the int8 copy were missing or damaged; nothing needs be done */
};

/* Called from any thread that works with the index, also within index_open. No lock is held, but
 * the caller waits: only pass the key on. A row is reported once while the index is open, and again
 * by index_verify.
 */
typedef void (*index_report_fn)(void *context, enum index_event event, const char *key,
                                const char *message);

/* Zero means default. */
struct index_options {
    uint64_t limit_bytes; /* address space, and so the largest size, of LMDB's file; 64 GiB */
    index_report_fn report;
    void *report_context; /* borrowed */
};

struct index;

/* Creates an empty index in `directory`, which is created where it is absent (its parent must
 * exist). ERROR_CONFLICT: there is one already; ERROR_MALFORMED: an invalid shape; ERROR_IO,
 * ERROR_NO_SPACE. */
must_check int index_create(const char *directory, const struct index_shape *shape,
                            struct error *error);

/* Reads the keys and the int8 copy, which is rebuilt from the rows where it is missing. `options`
 * may be NULL. ERROR_NOT_FOUND: no index there; ERROR_CONFLICT: open already, here or elsewhere;
 * ERROR_MALFORMED: keys damaged, or of a newer format; ERROR_IO, ERROR_NO_SPACE, ERROR_MEMORY. */
must_check int index_open(const char *directory, const struct index_options *options,
                          struct index **ret_index, struct error *error);

/* Saves the int8 copy and closes; NULL is fine. Calls, walks, batches and answers must have ended.
 */
void index_close(struct index *index);

/* For tests and benchmarks: removes the files of an index that is not open (otherwise
 * ERROR_CONFLICT), and its directory. */
must_check int index_destroy(const char *directory, struct error *error);

struct index_shape index_shape(const struct index *index);

/* A batch gathers changes, in order, and is committed as one. One thread a batch. */
struct index_batch;
must_check int index_batch_new(struct index *index, struct index_batch **ret_batch);
/* Adds the key, or gives it another vector; the vector, of the index's dimension, is copied.
 * ERROR_UNFIT: a value that is no number, infinite or above INDEX_VALUE_MAX; ERROR_MALFORMED: an
 * empty or too long key; ERROR_TOO_LARGE: the batch is full; ERROR_MEMORY. */
must_check int index_batch_put(struct index_batch *batch, const char *key, const float *vector,
                               struct error *error);
/* A key that is not there is fine. */
must_check int index_batch_remove(struct index_batch *batch, const char *key, struct error *error);
size_t index_batch_size(const struct index_batch *batch); /* puts and removals */

/* Commits. `note`, the owner's own (its progress), is replaced with the same commit; NULL leaves
 * it. An empty batch with a note is fine. After success the batch is empty and may be used again;
 * after a failure (ERROR_NO_SPACE, ERROR_IO, ERROR_MEMORY, ERROR_TOO_LARGE) the index is unchanged,
 * and the batch may be committed again. */
must_check int index_batch_commit(struct index_batch *batch, const void *note, size_t note_size,
                                  struct error *error);
void index_batch_free(struct index_batch *batch); /* NULL is fine; discards what is not committed */

/* The note of the last commit that had one: up to `capacity` bytes, -ENOSPC where it is longer;
 * *ret_size 0: none yet. */
must_check int index_note(struct index *index, void *note, size_t capacity, size_t *ret_size,
                          struct error *error);

/* The key's row as it is stored. ERROR_IO: it is damaged, and reported. */
must_check int index_get(struct index *index, const char *key, float *vector, bool *ret_found,
                         struct error *error);

/* Prefixes of keys, sorted, none within another. Borrowed. */
struct index_prefixes {
    const char *const *list;
    size_t count; /* 0: all keys */
};

/* How many keys begin with one of the prefixes; filters of the last commit are kept, so that the
 * same question is cheap. ERROR_BUSY, ERROR_IO, ERROR_MALFORMED, ERROR_MEMORY. */
must_check int index_count(struct index *index, const struct index_prefixes *prefixes,
                           uint64_t *ret_rows, struct error *error);

/* A walk over the index as it was when the walk started, in order of key bytes: keys that begin
 * with `prefix` and are greater than `after` ("" for all). Meanwhile no slot and no page that
 * becomes free is reused, so that a walk of hours makes the files grow. */
struct index_walk;
must_check int index_walk_new(struct index *index, const char *prefix, const char *after,
                              struct index_walk **ret_walk, struct error *error);
/* 1 and the next key, borrowed until the next call, and its row where `vector` is not NULL; 0 at
 * the end. -EBADMSG: the row of *ret_key is damaged, and the walk may go on; other errors end it.
 */
must_check int index_walk_next(struct index_walk *walk, const char **ret_key, float *vector,
                               struct error *error);
void index_walk_free(struct index_walk *walk); /* NULL is fine */
/* For tests: keys of the index that it walks over. */
uint64_t index_walk_count(const struct index_walk *walk);

/* Lends threads to a search: calls work(context, i) for i from 0 to count - 1, on as many threads
 * as are free, and returns when all calls have. The calls share the work among themselves: fewer
 * calls, but at least one, or calls one after the other give the same answer. */
typedef void (*index_lend_fn)(void *lender, unsigned count, void (*work)(void *context, unsigned i),
                              void *context);

struct index_query {
    const float *vectors;           /* query_count x dimension; values as for puts. Borrowed */
    size_t query_count;             /* 1 to INDEX_QUERIES_MAX */
    size_t k;                       /* 1 to INDEX_K_MAX */
    struct index_prefixes prefixes; /* of the keys to search */
    bool has_min_score;
    double min_score;   /* hits of a lower score are left out */
    unsigned threads;   /* to ask of `lend`; 0 is 1 */
    index_lend_fn lend; /* NULL: the calling thread does all */
    void *lender;       /* borrowed */
};

struct index_hit {
    const char *key;
    double score;
    double distance;
};

/* The answer to one query: the best first. */
struct index_hits {
    struct index_hit *hits;
    size_t count; /* at most k */
};

struct index_answer {
    struct index_hits *queries; /* in the order of the queries */
    size_t query_count;
    uint64_t generation; /* the commit that was searched */
    uint64_t damaged;    /* rows that may belong to the answer, but are damaged and left out. 0: the
                          * answer is exact */
    void *memory;        /* owned; index_answer_done() frees it */
};

/* ERROR_MALFORMED: a count out of range; ERROR_UNFIT: a value that is no number, infinite or too
 * large; ERROR_BUSY, ERROR_IO, ERROR_MEMORY. */
must_check int index_search(struct index *index, const struct index_query *query,
                            struct index_answer *ret_answer, struct error *error);
void index_answer_done(struct index_answer *answer);

/* The scrubber, a slice a call: up to `rows` slots from *position on (at first 0; it is advanced,
 * and 0 again at the end). Checks rows, keys, and the blocks of the int8 copy in memory and on
 * disk, and rebuilds blocks. Commits wait meanwhile, searches do not: use some thousand rows a
 * call. */
struct index_findings {
    uint64_t rows;           /* checked */
    uint64_t rows_damaged;   /* and reported */
    uint64_t blocks_rebuilt; /* of the int8 copy */
};
must_check int index_verify(struct index *index, uint64_t *position, uint64_t rows,
                            struct index_findings *ret_findings, struct error *error);

/* For tests: writes what the int8 copy's file lacks. index_close and some commits do so, too; what
 * a crash loses of it is made from the rows again. */
must_check int index_save(struct index *index, struct error *error);

struct index_status {
    uint64_t rows;       /* keys */
    uint64_t slots;      /* rows and free slots */
    uint64_t generation; /* commits since it was created */
    uint64_t rows_bytes; /* of the file `rows` */
    uint64_t meta_bytes; /* of LMDB's pages in use */
    uint64_t memory_bytes;
    uint64_t damaged;        /* rows known to be damaged, and not put again yet */
    uint64_t blocks_rebuilt; /* since it was opened */
    uint64_t searches;
    uint64_t scanned;  /* rows x queries */
    uint64_t rescored; /* rows read to be scored */
};
void index_status(struct index *index, struct index_status *ret_status);

/* For tests and benchmarks: the instruction set that searches use ("avx512", "avx2", "neon", "c").
 */
const char *index_isa(void);
/* For tests and benchmarks: sets it for the whole process, before any work starts. -ENOTSUP: not of
 * this CPU. */
must_check int index_select_isa(const char *name);

#endif
