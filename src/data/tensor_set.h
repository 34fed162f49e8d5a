/* SPDX-License-Identifier: Apache-2.0
 *
 * A set of a model's inputs or outputs, by their index, which is below LIMIT_MODEL_TENSORS: callers
 * check that. Pure.
 */
#ifndef SITU_DATA_TENSOR_SET_H
#define SITU_DATA_TENSOR_SET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"

enum { TENSOR_SET_WORDS = LIMIT_MODEL_TENSORS / 64 };

struct tensor_set {
    uint64_t words[TENSOR_SET_WORDS];
};

static inline void tensor_set_add(struct tensor_set *set, uint32_t index)
{
    set->words[index / 64] |= UINT64_C(1) << (index % 64);
}

static inline void tensor_set_remove(struct tensor_set *set, uint32_t index)
{
    set->words[index / 64] &= ~(UINT64_C(1) << (index % 64));
}

static inline bool tensor_set_has(const struct tensor_set *set, uint32_t index)
{
    return (set->words[index / 64] >> (index % 64)) & 1;
}

static inline bool tensor_set_is_empty(const struct tensor_set *set)
{
    uint64_t any = 0;
    for (uint32_t i = 0; i < TENSOR_SET_WORDS; i++) {
        any |= set->words[i];
    }
    return any == 0;
}

/* The set of that one. */
static inline struct tensor_set tensor_set_of(uint32_t index)
{
    struct tensor_set set = {{0}};
    tensor_set_add(&set, index);
    return set;
}

/* The set of the first `count`. */
static inline struct tensor_set tensor_set_first(uint32_t count)
{
    struct tensor_set set = {{0}};
    for (uint32_t i = 0; i < count; i++) {
        tensor_set_add(&set, i);
    }
    return set;
}

#endif
