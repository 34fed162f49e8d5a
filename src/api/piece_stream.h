/* SPDX-License-Identifier: Apache-2.0
 *
 * An answer that is written while it is sent: JSON with large tensors, optionally followed by the
 * binary part of a V2 answer. Any thread.
 */
#ifndef SITU_API_PIECE_STREAM_H
#define SITU_API_PIECE_STREAM_H

#include "api/call.h"
#include "data/pieces.h"

/* The least total size of outputs for which it is used. */
enum { PIECE_STREAM_LEAST = 1 << 20 };

/* Answers with 200. Takes over both texts; what their pieces point to must live as long as the
 * call. If `binary` is not empty, the answer's header has the size of the JSON, for which the
 * digits of its tensors are generated twice. */
void piece_stream_send(struct call *call, struct pieces *json, struct pieces *binary);

#endif
