/* SPDX-License-Identifier: Apache-2.0
 *
 * One situ-worker process with one loaded model, seen from situd: start, hand over, run an object
 * through a lane, end. The worker is not trusted: every answer is checked.
 *
 * Threads: start and free from any one thread; run by the lane of that index only; kill by any.
 */
#ifndef SITU_INFER_WORKER_PROCESS_H
#define SITU_INFER_WORKER_PROCESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "data/engine_facts.h"
#include "infer/worker_facts.h"
#include "model/package.h"
#include "wire/message.h"

struct spawner; /* see spawner.h */

struct worker_config {
    const char *path;                  /* situ-worker */
    const struct engine_facts *engine; /* borrowed */
    uint64_t memory_bytes;
    bool require_sandbox;
    uint32_t lane_count;
    int lane_cpus[LIMIT_LANES]; /* CPU of each lane, -1 floating */
    uint32_t cores;
    int64_t slow_run_ns;
    int64_t load_ms;
    int64_t object_ms;
    const atomic_bool *stop; /* borrowed: a load in progress ends when it becomes true */
};

struct worker_process;

/* The model that a worker is started for. */
struct worker_package {
    const char *name; /* the model's, for the log */
    const char *path; /* its directory */
    const struct model_spec *spec;
    const atomic_bool *abandoned; /* borrowed: the load ends when it becomes true */
};

/* Starts a worker, hands over lanes and files, waits until the model is loaded. Blocks up to
 * load_ms. Errors: ERROR_UNFIT and so on from the worker, ERROR_WORKER_CRASHED, ERROR_DEADLINE,
 * ERROR_UNAVAILABLE (cannot be started, or no sandbox where one is required). */
must_check int worker_process_start(struct spawner *spawner, const struct worker_config *config,
                                    const struct worker_package *package,
                                    struct worker_process **ret_worker, struct error *error);

/* Kills, reaps, logs how it ended, frees. No lane may be inside worker_process_run(). */
void worker_process_free(struct worker_process *worker);

void worker_process_kill(struct worker_process *worker);

/* Copies the worker's stderr to the log; false where the process has ended. Never blocks. */
bool worker_process_watch(struct worker_process *worker);

const struct worker_facts *worker_process_facts(const struct worker_process *worker);
pid_t worker_process_pid(const struct worker_process *worker);

/* After ERROR_WORKER_CRASHED: another process sent it a signal that no crash raises, such as
 * SIGTERM, or SIGKILL (which the kernel also sends when memory is short); its objects need not be
 * the cause. */
bool worker_process_was_killed(const struct worker_process *worker);

/* Anonymous resident memory, in bytes; 0 where unknown. */
uint64_t worker_process_memory(const struct worker_process *worker);

/* The lane's shared buffer: where an object or tensors are put before the run. */
void *worker_process_input(struct worker_process *worker, uint32_t lane);

/* Sends `run` and waits for the answer, which lies in *ret_done (valid until the lane's next run),
 * its outputs checked to lie within *ret_output. Errors of the object are passed on, and *ret_done
 * is set (run_ns is 0 where the model was not run); ERROR_WORKER_CRASHED: the process ended, or
 * sent an invalid answer (it is killed); ERROR_DEADLINE: no answer for object_ms (it is killed). */
must_check int worker_process_run(struct worker_process *worker, uint32_t lane,
                                  struct message_run *run, const struct message_done **ret_done,
                                  const char **ret_output, struct error *error);

/* After the outputs are copied: frees buffer pages beyond the resident limit. */
void worker_process_trim(struct worker_process *worker, uint32_t lane, uint64_t input_used,
                         uint64_t output_used);

#endif
