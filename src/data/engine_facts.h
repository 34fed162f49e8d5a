/* SPDX-License-Identifier: Apache-2.0
 *
 * What is known of an engine without linking it: a row for each back end of src/engine, which has
 * the functions in the same order. The daemon sizes and confines a worker by it. Constant.
 */
#ifndef SITU_DATA_ENGINE_FACTS_H
#define SITU_DATA_ENGINE_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"

struct engine_facts {
    const char *name;     /* in situd's configuration */
    const char *help;     /* what it is, in a few words */
    const char *platform; /* what clients of V2 are told */
    const char *kind;     /* the same: where it runs */

    /* Address space of a worker, beside what its lanes take: memory_base + model_copies times the
     * package's bytes. A memory_base of 0: unlimited, for drivers that reserve far more than they
     * use. */
    uint64_t memory_base;
    uint32_t model_copies;
    uint32_t lanes_max; /* of a worker */
    bool all_cores; /* a slow model gets a second session, over all cores, for single requests */

    const char *environment[3]; /* NAME=VALUE for a worker; NULL where there is none */

    /* System calls beyond those of every worker, by name, ended by NULL. What a device needs opened
     * is opened before the sandbox, in engine_ops.open. */
    const char *const *system_calls;
};

/* The rows, in order; NULL behind the last. The first is the default. */
const struct engine_facts *engine_facts_at(size_t index);

/* NULL where there is none of that name. */
const struct engine_facts *engine_facts_find(const char *name);

/* ERROR_MALFORMED with the names that there are. */
must_check int engine_facts_unknown(const char *name, struct error *error);

/* The limit of a worker's address space for a package of `model_bytes`, whose lanes take
 * `lane_bytes` together; 0: none. */
uint64_t engine_facts_memory(const struct engine_facts *facts, uint64_t model_bytes,
                             uint64_t lane_bytes);

#endif
