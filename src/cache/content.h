/* SPDX-License-Identifier: Apache-2.0
 *
 * The payload of an entry with the content of an identity: format (1), code (1), 0 (2), the state
 * in the identity (24), SHA-256 (32). The payloads of answers are in data/answer.h, with codes of
 * their own. Pure; any thread.
 */
#ifndef SITU_CACHE_CONTENT_H
#define SITU_CACHE_CONTENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "cache/cache.h"

enum { CONTENT_SIZE = 4 + IDENTITY_BYTES - IDENTITY_STATE_AT + 32 };

void content_encode(uint8_t out[CONTENT_SIZE], const struct identity *identity,
                    const struct cache_digest *content);

/* Takes any bytes. 0, -ENOENT where it is of another state than the identity, -EBADMSG. */
must_check int content_decode(const uint8_t *bytes, size_t size, const struct identity *identity,
                              struct cache_digest *ret_content);

#endif
