/* SPDX-License-Identifier: Apache-2.0
 *
 * One object's inference as the daemon carries it: from a request, through the queue and a lane, to
 * an outcome. Items live in an array that the request's owner holds; the dispatcher links them.
 */
#ifndef SITU_INFER_ITEM_H
#define SITU_INFER_ITEM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/budget.h"
#include "base/error.h"
#include "cache/cache.h"
#include "data/answer.h"
#include "data/tensor.h"
#include "data/tensor_set.h"
#include "infer/models.h"
#include "sched/queue.h"
#include "store/store.h"

enum item_state { ITEM_IDLE, ITEM_QUEUED, ITEM_PARKED, ITEM_SUSPECT, ITEM_RUNNING, ITEM_DONE };

/* What the input is; input_kind.h has the table. */
enum item_kind {
    ITEM_STORED,    /* an object of a store */
    ITEM_BYTES,     /* an encoded image in hand */
    ITEM_TENSORS,   /* the model's own inputs in hand */
    ITEM_THUMBNAIL, /* an object of a store; the model is not run, its one output is a JPEG */
    ITEM_KINDS,
};

/* An input of the model: a tensor in hand, or a stored one. */
struct item_input {
    struct tensor tensor; /* where `store` is set: the index alone; the object has the rest */
    struct store *store;  /* borrowed; not NULL: the tensor is the .npy object `key` */
    const char *key;      /* borrowed */
    bool hidden;          /* the object must not be read: it is refused as absent */
};

struct infer_request;

struct infer_item {
    struct queue_entry entry;      /* first member: entry -> item */
    struct infer_request *request; /* borrowed */
    enum item_state state;
    enum item_kind kind;
    bool alone;      /* retried after a crash, with nothing else in its worker */
    bool hidden;     /* ITEM_STORED, ITEM_THUMBNAIL: must not be read; it is refused as absent */
    unsigned kills;  /* times that its worker was killed from outside */
    const char *key; /* ITEM_STORED, ITEM_THUMBNAIL; borrowed */
    struct store *store;
    const void *bytes; /* ITEM_BYTES; borrowed */
    size_t size_bytes;
    const struct item_input *inputs; /* ITEM_TENSORS; borrowed */
    uint32_t input_count;
    uint32_t edge;            /* ITEM_THUMBNAIL: pixels; the request asks for output 0 then */
    bool has_identity;        /* ITEM_STORED: `identity` was seen by the owner just before */
    bool looked_up;           /* that identity was looked up in the result cache, without a hit */
    struct identity identity; /* after the outcome: of the object that was read or found */

    /* The outcome: error.code is the reason, or ERROR_NONE, and then there are outputs, an answer,
     * or both. An answer is what the model's task makes of its outputs; it is made where the
     * request names none. It may hold fewer classes than the request asks for (answer_suffices);
     * then there are outputs. */
    struct error error;
    const struct tensor *outputs; /* with their data in `output_memory`, or in the answer's */
    uint32_t output_count;
    void *output_memory;  /* owned */
    size_t output_bytes;  /* what it counts for in the request's */
    size_t budget_bytes;  /* and in the budget of all answers */
    struct answer answer; /* owned */
    uint64_t read_bytes;
    int64_t began_ns; /* in a lane; 0: it never was */
    int64_t input_ns; /* reading and preprocessing */
    int64_t run_ns;
    bool cached; /* the outcome came out of the result cache */

    /* Between lane and result cache. */
    bool keep;                   /* the outcome is to be kept, as that of `content` */
    struct cache_digest content; /* SHA-256 of what was read */
};

/* Called once for each item that was submitted, from a lane's thread or the one that cancels,
 * without any lock; the item is the owner's again from then on. */
typedef void infer_done(struct infer_request *request, struct infer_item *item);

struct infer_request {
    struct queue_source source;
    struct model *model;      /* the owner holds a reference */
    struct infer_item *items; /* borrowed from the owner; each item's request is this one */
    size_t item_count;
    size_t top;                 /* classes that will be asked of the outcome */
    bool no_cache;              /* infer, whatever the result cache knows */
    struct tensor_set outputs;  /* those asked for; empty: an answer is asked for */
    int64_t deadline_ns;        /* in the queue */
    atomic_size_t output_bytes; /* held by outcomes; up to LIMIT_OUTPUT_BYTES */
    struct budget *answers;     /* borrowed; outcomes count in it, too. NULL: they do not */
    infer_done *done;
    void *owner;
};

#define INFER_NO_DEADLINE UINT64_MAX

/* Makes a request of `model` without items, of which everything that is not given here is zero. Its
 * deadline is `wait_ms` from now, or none with INFER_NO_DEADLINE. */
void infer_request_init(struct infer_request *request, struct model *model, enum queue_class class,
                        uint64_t wait_ms, infer_done *done, void *owner);

/* Gives the request its items. */
void infer_request_set_items(struct infer_request *request, struct infer_item *items, size_t count);

/* Frees the outcome, and makes the item ready to be used again. Its `state` is the dispatcher's,
 * and may be looked at by dispatch_cancel() meanwhile. */
void infer_item_reset(struct infer_item *item);

#endif
