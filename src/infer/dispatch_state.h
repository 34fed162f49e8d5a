/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside the dispatcher: its state, and what its parts (dispatch.c: queue and lanes,
 * dispatch_items.c: items that wait or fail, dispatch_load.c: loading and unloading models,
 * dispatch_wait.c: who waits for a load, dispatch_workers.c: how many workers there are,
 * dispatch_keep.c: models kept loaded) call from each other.
 */
#ifndef SITU_INFER_DISPATCH_STATE_H
#define SITU_INFER_DISPATCH_STATE_H

#include <pthread.h>

#include "infer/dispatch.h"
#include "sched/queue.h"

struct spawner;

struct dispatch_lane {
    struct dispatch *dispatch;
    uint32_t index;
    pthread_t thread;
    pthread_cond_t wake;             /* signalled when there are items */
    void *room;                      /* owned; the lane's own memory, see lanes.h */
    bool idle;                       /* is in the list */
    bool aside;                      /* has an item, but leaves its core to others */
    int64_t began_ns;                /* with its item; 0: it has none */
    struct dispatch_lane *next_idle; /* borrowed */
};

struct dispatch {
    struct dispatch_config config;
    struct tasks *loads;     /* borrowed; a load takes a place in it */
    struct metrics *metrics; /* borrowed */
    struct spawner *spawner; /* owned */
    pthread_mutex_t lock;    /* guards all below and every model's runtime */
    struct queue queue;
    size_t parked[QUEUE_GROUP_COUNT]; /* items that wait outside the queue */
    unsigned busy;                    /* lanes that have an item */
    unsigned aside; /* of those, lanes that wait for a disk, or have waited long for a worker */
    size_t seekers; /* lanes that are awake without an item: they look at the queue by themselves */
    struct model *loaded_models;
    struct model *loading_models; /* the tasks that load them hold the references */
    struct model *kept_models;    /* each with a reference */
    size_t waiting;               /* load waiters in the lists of models */
    unsigned workers;             /* processes that were started, or are to be, and not freed */
    bool stopping;
    atomic_bool stop_loading; /* the same, for the threads that load */
    pthread_t housekeeper;
    int housekeeper_event;      /* owned; eventfd: wakes the housekeeper at once */
    struct dispatch_lane *idle; /* borrowed; lanes without items, the one to wake first */
    uint32_t lane_count;
    struct dispatch_lane lanes[LIMIT_LANES];
};

/* A worker that was taken out of its model, to be freed without the lock. */
struct garbage {
    struct worker_process *worker; /* NULL: none */
    struct model *model;           /* with a reference */
};

static inline struct infer_item *dispatch_item_of(struct queue_entry *entry)
{
    return (struct infer_item *)(void *)entry; /* first member */
}

/* The count that the item is in while it waits outside the queue. */
static inline size_t *dispatch_parked(struct dispatch *dispatch, const struct infer_item *item)
{
    return &dispatch->parked[queue_group_of(item->request->source.class)];
}

/* Lists of items that wait outside the queue, linked through their queue entries. */
void item_list_remove(struct item_list *list, struct infer_item *item);

/* Under the lock, when an item was queued: wakes an idle lane, unless a lane that is just finishing
 * another item will take it anyway. On one core that lane, with what its core's cache holds, is the
 * better one: otherwise consecutive requests would alternate between lanes. Of idle lanes, the one
 * that was busy last comes first, for the same reason. And no more lanes work than there are cores:
 * one more helps only while another waits for a disk; otherwise it takes time and cache from the
 * others. */
void dispatch_wake_lane(struct dispatch *dispatch);

/* Under the lock: an item waits for its model's worker; an item was in a worker that died. */
void dispatch_park(struct dispatch *dispatch, struct infer_item *item);
void dispatch_suspect(struct dispatch *dispatch, struct infer_item *item);

/* Under the lock: may a lane take the item now? */
bool dispatch_may_run(const struct model_runtime *runtime, const struct infer_item *item);

/* Under the lock: one suspect goes to the head of the queue, or the quarantine ends and parked
 * items go on. */
void dispatch_resume_model(struct dispatch *dispatch, struct model *model);

/* Under the lock: the item has its outcome (or gets `error`); dispatch_finish_all() notifies its
 * owner. */
void item_list_finish(struct item_list *finished, struct infer_item *item,
                      const struct error *error);

/* Under the lock: nobody waits for the model's load, and no request can ask for it again. */
bool dispatch_load_is_abandoned(const struct model *model);

/* Under the lock: every item of the model that waits outside the queue fails. */
void dispatch_give_up_waiting(struct dispatch *dispatch, struct model *model,
                              const struct error *error, struct item_list *finished);

/* Under the lock: the model lost its worker, or a load did not start. Loads again, or fails the
 * items that wait. */
void dispatch_reload(struct dispatch *dispatch, struct model *model, struct item_list *finished);

/* Under the lock, when no lane is in it: takes the worker out of its model. */
struct garbage dispatch_detach_worker(struct dispatch *dispatch, struct model *model);

/* Without the lock: frees a detached worker, notifies owners of finished items. */
void dispatch_discard(struct dispatch *dispatch, struct garbage *garbage);
void dispatch_finish_all(struct dispatch *dispatch, struct item_list *finished);

/* Under the lock. */
uint64_t dispatch_loaded_bytes(const struct dispatch *dispatch);

/* Without the lock: a place for one more worker process, for which an idle one may have to go
 * (ERROR_BUSY: none is); the process of a place is gone, or was not started. */
must_check int dispatch_worker_place(struct dispatch *dispatch, const struct model *model,
                                     struct error *error);
void dispatch_worker_gone(struct dispatch *dispatch);

/* Without the lock: unloads idle models, never `keep`, until the memory budget holds. */
void dispatch_keep_budget(struct dispatch *dispatch, const struct model *keep);

/* Under the lock: the worker of a removed model that only the list of loaded ones holds. */
struct garbage dispatch_removed_worker(struct dispatch *dispatch);

/* dispatch_keep.c. Under the lock: a worker to end because its model is to be unloaded; loads kept
 * models that are not loaded. Without it: forgets all that are kept. */
struct garbage dispatch_unloaded_worker(struct dispatch *dispatch);
void dispatch_load_kept(struct dispatch *dispatch);
void dispatch_release_all(struct dispatch *dispatch);

/* Under the lock, when a load has ended: takes all callers that waited for it out of the model's
 * list; dispatch_tell_waiters() calls them, without the lock, with what `outcome` says. */
struct load_outcome {
    struct load_waiter *first;
    bool failed;
    struct error error;    /* for requests */
    enum error_code fault; /* for the call that adds a model */
};
void dispatch_take_waiters(struct dispatch *dispatch, struct model *model,
                           struct load_outcome *ret_outcome);
void dispatch_tell_waiters(const struct load_outcome *outcome);

/* Under the lock: starts to load where that makes sense. 0, or the failure that still counts. */
int dispatch_want_loaded(struct dispatch *dispatch, struct model *model, struct error *error);
/* The same for callers that retry by themselves, such as jobs: after each failure they wait longer.
 */
int dispatch_want_loaded_again(struct dispatch *dispatch, struct model *model, struct error *error);

#endif
