/* SPDX-License-Identifier: Apache-2.0
 *
 * The worker's end of a lane: one thread that takes RUN messages from its socket, decodes and runs
 * what is in its shared buffer, and answers DONE. Ends when situd closes the socket.
 */
#ifndef SITU_WORKER_LANE_H
#define SITU_WORKER_LANE_H

#include "base/cleanup.h"
#include "wire/message.h"
#include "worker/program.h"

struct lane;

/* Takes both descriptors over. */
must_check int lane_new(const struct message_lane *message, int socket, int buffer,
                        struct lane **ret_lane);

/* Starts the thread, which is never joined: the process ends first. `program` is borrowed. */
must_check int lane_start(struct lane *lane, struct program *program);

#endif
