/* SPDX-License-Identifier: Apache-2.0
 *
 * An answer that is made while it is sent: JSON with large tensors in it, and behind it, maybe, the
 * binary part of a V2 answer. Any thread.
 */
#ifndef SITU_API_PIECE_STREAM_H
#define SITU_API_PIECE_STREAM_H

#include "api/call.h"
#include "data/pieces.h"

/* Outputs of so many bytes in all are worth it. */
enum { PIECE_STREAM_LEAST = 1 << 20 };

/* Answers with 200. Takes both texts over; what their pieces point to lives as long as the call.
 * Where `binary` is not empty its size and that of the JSON are told, for which the digits of
 * tensors in the JSON are made once more than needed. */
void piece_stream_send(struct call *call, struct pieces *json, struct pieces *binary);

#endif
