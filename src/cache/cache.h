/* SPDX-License-Identifier: Apache-2.0
 *
 * The result cache: the same bytes are never inferred twice. Two steps: an object's identity leads
 * to the SHA-256 of its content without reading it; content and task (model, pipeline, everything
 * that changes the stored answer) lead to the answer.
 *
 * Any number of threads may use one cache. Lookups take microseconds. Puts are copied into a
 * bounded queue and written by one thread in group commits: lookups see a put some hundredths of a
 * second later. A put never waits; where the queue is full it is dropped and counted. A crash loses
 * the last moments.
 *
 * Whatever happened to the files before they are opened, a lookup gives a right answer or none:
 * every entry has a checksum over its key and value, and the file is checked page by page before it
 * is mapped (pages.h). The checksums hold while it is open, too, but a file that another program
 * then changes or truncates, or a sector that becomes unreadable, can end the process: this is the
 * price of a mapping. A cache that cannot be used is reported, set aside or switched off, and every
 * call still works, without hits.
 */
#ifndef SITU_CACHE_CACHE_H
#define SITU_CACHE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/limits.h"
#include "data/answer.h"
#include "data/identity.h"

#define CACHE_LIMIT_BYTES_MIN (4 * MIB)        /* a smaller cache is made this large */
#define CACHE_LIMIT_BYTES_DEFAULT (1024 * MIB) /* answers for about 1.7 million photos */

struct cache_digest {
    uint8_t bytes[32]; /* SHA-256 */
};

/* For administrators. Reported from cache_open and from the writer thread, with no lock held; the
 * message is a whole sentence without the directory's name. */
enum cache_event {
    CACHE_EVENT_SET_ASIDE, /* damaged, or of a newer format: renamed to DIRECTORY.damaged-1 */
    CACHE_EVENT_CLEARED,   /* emptied: the limit was lowered, or the file was full */
    CACHE_EVENT_PAUSED,    /* writing stopped for retry_ms: the disk is full or fails */
    CACHE_EVENT_RESUMED,   /* writing again */
    CACHE_EVENT_OFF,       /* cannot be opened; retried after retry_ms */
};
typedef void (*cache_report_fn)(void *context, enum cache_event event, const char *message);

/* Zero means default. */
struct cache_options {
    const char *directory;  /* the cache's own, created where absent; NULL: a cache that is off */
    uint64_t limit_bytes;   /* the data file never grows past this */
    uint32_t delay_ms;      /* how long puts gather before they are committed; 50 */
    uint32_t retry_ms;      /* pause after a full disk; 30,000 */
    uint32_t readers;       /* lookups at once, more wait for each other; 512 */
    size_t queue_bytes;     /* waiting puts; 8 MiB */
    cache_report_fn report; /* or NULL */
    void *report_context;   /* borrowed */
};

struct cache;

/* Opens the cache, after a check of its whole file (about a second a GiB). A cache that cannot be
 * used is reported, and 0 returned nevertheless. Errors: ERROR_CONFLICT where another process has
 * it open, ERROR_MEMORY, ERROR_MALFORMED (path too long). */
must_check int cache_open(const struct cache_options *options, struct cache **ret_cache,
                          struct error *error);

/* Writes what is queued, then closes; NULL is fine. No other call may be running. */
void cache_close(struct cache *cache);

/* SHA-256 of the bytes. Errors: -EPROTO (libcrypto). */
must_check int cache_hash(const void *bytes, size_t size, struct cache_digest *ret_digest);

/* The id of a store in the keys of contents; computed once a store. */
must_check int cache_store_id(const char *name, uint64_t *ret_id);

/* The task: the digest over a model's digest and the bytes (in any form, but always the same) of
 * the pipeline and the parameters that change the stored answer. Computed once a model. */
must_check int cache_task_digest(const uint8_t model_digest[32], const void *parameters,
                                 size_t size, struct cache_digest *ret_task);

/* The content that an identity stands for in a store (of that cache_store_id()): true where it is
 * known. */
must_check bool cache_find_content(struct cache *cache, uint64_t store,
                                   const struct identity *identity,
                                   struct cache_digest *ret_content);

/* The answer to a task about a content: true where it is known; *ret_answer is ended by
 * answer_done(). Its tensors have no names. */
must_check bool cache_find_answer(struct cache *cache, const struct cache_digest *content,
                                  const struct cache_digest *task, struct answer *ret_answer);

/* Stores the content of an identity. `trusted` is false where the object was changed so shortly
 * before it was read that another change may have left its identity unchanged: then nothing is
 * stored. */
void cache_put_content(struct cache *cache, uint64_t store, const struct identity *identity,
                       const struct cache_digest *content, bool trusted);

/* Stores an answer. One that must not be stored (too large, a failure of another code, more classes
 * than fit) is left out: -EINVAL, -E2BIG. -EBUSY where the queue is full, -ENOMEM. The caller may
 * ignore all of these. */
int cache_put_answer(struct cache *cache, const struct cache_digest *content,
                     const struct cache_digest *task, const struct answer *answer);

/* Waits until all earlier puts are committed, or dropped. */
void cache_flush(struct cache *cache);

/* Removes all entries and frees the disk space. Waits for the writer. Errors: ERROR_IO,
 * ERROR_NO_SPACE, ERROR_MEMORY; the cache is off then. */
must_check int cache_clear(struct cache *cache, struct error *error);

struct cache_status {
    bool on;     /* open; otherwise every lookup misses */
    bool paused; /* not writing for a while */
    uint64_t content_entries;
    uint64_t answer_entries;
    uint64_t used_bytes;  /* of pages with entries */
    uint64_t file_bytes;  /* of the data file; only cache_clear shrinks it */
    uint64_t limit_bytes; /* of the data file, at most */
    uint64_t content_hits;
    uint64_t content_misses;
    uint64_t answer_hits;
    uint64_t answer_misses;
    uint64_t puts;      /* written */
    uint64_t evictions; /* entries removed to make room */
    uint64_t dropped;   /* puts lost: queue or disk full, or off */
    uint64_t damaged;   /* entries whose checksum failed, deleted */
    uint64_t set_aside; /* environments since the start */
};

/* Counts of entries are as of the last commit, the others since cache_open. */
void cache_status(struct cache *cache, struct cache_status *ret_status);

#endif
