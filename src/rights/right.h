/* SPDX-License-Identifier: Apache-2.0
 *
 * The rights that a caller may have, as bits of a set. Pure; any thread.
 */
#ifndef SITU_RIGHTS_RIGHT_H
#define SITU_RIGHTS_RIGHT_H

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"

enum right {
    RIGHT_INFER = 1u << 0,      /* inference of stored objects, and of bytes that are sent */
    RIGHT_SEARCH = 1u << 1,     /* search in indexes, and groups of duplicates */
    RIGHT_LIST = 1u << 2,       /* lists of objects, and the state of stores */
    RIGHT_THUMBNAILS = 1u << 3, /* thumbnails */
    RIGHT_OBJECTS = 1u << 4,    /* the bytes of objects */
    RIGHT_JOBS = 1u << 5,       /* jobs and their results */
    RIGHT_MODELS = 1u << 6,     /* adding, loading, unloading and removing models */
    RIGHT_PACKAGES = 1u << 7,   /* the bytes of model packages */
    RIGHT_INDEXES = 1u << 8,    /* creating, rebuilding and removing indexes */
    RIGHT_RESULTS = 1u << 9,    /* the result cache, and the vectors of indexes */
    RIGHT_CLUSTER = 1u << 10,   /* what members of a cluster ask of each other */
    RIGHT_ADMIN = 1u << 11,     /* stores, and jobs of others */
    RIGHT_METRICS = 1u << 12,   /* metrics and status */
};

enum {
    RIGHTS_ALL = (1u << 13) - 1,
    /* Rights over objects: each works in the stores of its section only. Who has one of them for an
     * object may know that it exists. */
    RIGHTS_OF_OBJECTS = RIGHT_INFER | RIGHT_SEARCH | RIGHT_LIST | RIGHT_THUMBNAILS | RIGHT_OBJECTS |
                        RIGHT_JOBS | RIGHT_INDEXES | RIGHT_RESULTS,
    /* Any of these needs models, and so shows them. */
    RIGHTS_OF_MODELS = RIGHT_INFER | RIGHT_SEARCH | RIGHT_THUMBNAILS | RIGHT_JOBS | RIGHT_MODELS |
                       RIGHT_PACKAGES | RIGHT_INDEXES | RIGHT_RESULTS | RIGHT_CLUSTER | RIGHT_ADMIN,
    RIGHTS_READER = RIGHT_INFER | RIGHT_SEARCH | RIGHT_LIST | RIGHT_THUMBNAILS,
    RIGHTS_OPERATOR =
        RIGHTS_READER | RIGHT_OBJECTS | RIGHT_JOBS | RIGHT_INDEXES | RIGHT_RESULTS | RIGHT_METRICS,
};

/* The set that `word` names, a right or one of "reader", "operator" and "admin", which is all
 * rights; 0: it is no such word. */
uint32_t right_set(const char *word);

/* The name of a single right. */
const char *right_name(enum right right);

/* Writes the rights of a set as "'search' or 'indexes'", cut at `size`; returns `text`. */
const char *right_list(uint32_t set, char *text, size_t size);

#endif
