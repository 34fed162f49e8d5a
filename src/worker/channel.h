/* SPDX-License-Identifier: Apache-2.0
 *
 * Sending and receiving messages on the worker's sockets, descriptors included.
 */
#ifndef SITU_WORKER_CHANNEL_H
#define SITU_WORKER_CHANNEL_H

#include "base/cleanup.h"
#include "wire/message.h"

/* 0, or a negative errno (-EPIPE: situd is gone). */
must_check int channel_send(int socket, const union message *message);

/* Receives and checks one message and up to two descriptors (fds[0], fds[1]; -1 where absent; owned
 * by the caller). Returns 1, 0 where situd closed the socket, or a negative errno. */
must_check int channel_receive(int socket, union message *ret_message, int ret_fds[2]);

#endif
