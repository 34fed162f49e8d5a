/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads bytes as a cache entry that maps an identity to content. Accepted bytes must be written the
 * same again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cache/content.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct identity identity = {{0}};
    struct cache_digest digest;
    uint8_t again[CONTENT_SIZE];
    if (size == CONTENT_SIZE) { /* the identity that the bytes belong to */
        memcpy(identity.bytes + IDENTITY_STATE_AT, data + 4, IDENTITY_BYTES - IDENTITY_STATE_AT);
    }
    if (content_decode(data, size, &identity, &digest) < 0) {
        return 0;
    }
    content_encode(again, &identity, &digest);
    if (size != sizeof again || memcmp(again + 4, data + 4, size - 4) != 0) {
        abort();
    }
    return 0;
}
