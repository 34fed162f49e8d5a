/* SPDX-License-Identifier: Apache-2.0
 *
 * What a worker reports of itself and its model once it is loaded. A model keeps a copy, which
 * outlives its workers.
 */
#ifndef SITU_INFER_WORKER_FACTS_H
#define SITU_INFER_WORKER_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "data/tensor.h"
#include "data/tensor_set.h"
#include "wire/message.h"
#include "wire/pipeline.h"

struct worker_facts {
    uint32_t landlock_abi;
    bool seccomp;
    bool all_cores;
    int64_t run_ns;
    struct tensor_set probabilities; /* outputs that summed to 1 */
    bool untried;                    /* the engine refused the trial runs, for this reason: */
    char untried_reason[MESSAGE_TEXT_SIZE]; /* UTF-8 */
    char left_out[MESSAGE_TEXT_SIZE];       /* UTF-8; outputs that are not served, or "" */
    uint32_t input_count;
    uint32_t output_count;
    struct tensor_info *inputs;  /* owned */
    struct tensor_info *outputs; /* owned */
    struct tensor_shape *seen;   /* owned; of the outputs in the trial run; all 0 where untried */
    struct pipeline pipeline;
};

/* 0, or -ENOMEM. Free the copy with worker_facts_done(). */
must_check int worker_facts_copy(const struct worker_facts *facts, struct worker_facts *ret_copy);
/* Do both have the same inputs and outputs? */
bool worker_facts_same(const struct worker_facts *a, const struct worker_facts *b);
void worker_facts_done(struct worker_facts *facts);

#endif
