/* SPDX-License-Identifier: Apache-2.0
 *
 * The payloads of the map's entries: answers, and what an identity stands for. Reading is strict:
 * every length, count and enum is checked, the bytes may be anything. Pure; any thread.
 *
 * A payload begins with 4 bytes: format (1), kind, and a count as 16 bits. Then, little-endian:
 *   content      the state in the identity (24), SHA-256 (32)
 *   classes      `count` times index (4), probability (float32)
 *   embedding    float32 values to the end
 *   tensors      `count` times: output index, datatype, rank, 0 (1 each), dimensions (8 each), data
 *   failure      error code (4), message to the end
 */
#ifndef SITU_CACHE_VALUE_H
#define SITU_CACHE_VALUE_H

#include "base/buffer.h"
#include "cache/cache.h"

enum { VALUE_FORMAT = 1, VALUE_CONTENT_SIZE = 4 + IDENTITY_BYTES - IDENTITY_STATE_AT + 32 };

/* Appends an answer. -EINVAL for one that must not be kept, -E2BIG, -ENOMEM. */
must_check int value_encode(struct buffer *out, const struct cache_value *value);

/* 0 with what wants cache_value_done(), -EBADMSG, -ENOMEM. */
must_check int value_decode(const uint8_t *bytes, size_t size, struct cache_value *ret_value);

void value_encode_content(uint8_t out[VALUE_CONTENT_SIZE], const struct identity *identity,
                          const struct cache_digest *content);

/* 0, -ENOENT where it is of another state than the identity, -EBADMSG. */
must_check int value_decode_content(const uint8_t *bytes, size_t size,
                                    const struct identity *identity,
                                    struct cache_digest *ret_content);

#endif
