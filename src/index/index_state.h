/* SPDX-License-Identifier: Apache-2.0
 *
 * What the parts of an open index share. Private to src/index.
 */
#ifndef SITU_INDEX_INDEX_STATE_H
#define SITU_INDEX_INDEX_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "index/codes.h"
#include "index/filter.h"
#include "index/key_table.h"
#include "index/meta.h"
#include "index/rows.h"
#include "index/snapshot.h"

/* A slot without row, and the generation from which on no reader sees its old row. */
struct free_slot {
    uint32_t slot;
    uint64_t since;
};

/* Slots to reuse, the oldest first. */
struct free_slots {
    struct free_slot *items; /* owned */
    size_t first;
    size_t end;
    size_t capacity;
};

struct index {
    struct index_options options;
    struct index_shape shape;
    struct meta meta;
    struct rows rows;
    struct codes codes;

    pthread_mutex_t writer; /* taken before snapshots.lock; guards the head, the free slots and what
                               is the writer's of codes */
    struct record_head head; /* of the last commit */
    struct free_slots free;
    uint64_t unsaved; /* rows put since the int8 copy was saved */

    struct snapshots snapshots;
    struct filters filters; /* its lock is taken alone */

    /* Of the last commit, to be read without the lock. */
    atomic_uint_fast64_t live;
    atomic_uint_fast64_t slots;
    atomic_uint_fast64_t generation;
    atomic_uint_fast64_t blocks_rebuilt;
    atomic_uint_fast64_t searches;
    atomic_uint_fast64_t scanned;
    atomic_uint_fast64_t rescored;
};

/* Room for `more` free slots, so that adding them cannot fail; 0 or -ENOMEM. */
must_check int free_slots_reserve(struct free_slots *slots, size_t more);
void free_slots_add(struct free_slots *slots, uint32_t slot, uint64_t since);

/* Flags a row as damaged and reports it to the owner, where it was not flagged before. */
void index_report_row(struct index *index, uint32_t slot, const char *key, size_t key_size);

/* The row of a live slot's record; -EBADMSG where it is damaged, and reported. */
must_check int index_read_row(struct index *index, uint32_t slot, const struct record_slot *record,
                              float *ret_vector);

/* ERROR_UNFIT where a value is no number that an index takes. */
must_check int index_check_vector(const float *vector, uint32_t dimension, const char *what,
                                  struct error *error);

#endif
