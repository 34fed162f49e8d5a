/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing and strict reading of the content of an identity.
 */
#include "cache/content.h"

#include <errno.h>
#include <string.h>

enum {
    FORMAT = 1,
    CODE = 16, /* beside those of the kinds of answers */
    HEAD = 4,
    STATE_SIZE = IDENTITY_BYTES - IDENTITY_STATE_AT,
};

void content_encode(uint8_t out[CONTENT_SIZE], const struct identity *identity,
                    const struct cache_digest *content)
{
    memset(out, 0, HEAD);
    out[0] = FORMAT;
    out[1] = CODE;
    memcpy(out + HEAD, identity->bytes + IDENTITY_STATE_AT, STATE_SIZE);
    memcpy(out + HEAD + STATE_SIZE, content->bytes, sizeof content->bytes);
}

int content_decode(const uint8_t *bytes, size_t size, const struct identity *identity,
                   struct cache_digest *ret_content)
{
    if (size != CONTENT_SIZE || bytes[0] != FORMAT || bytes[1] != CODE) {
        return -EBADMSG;
    }
    if (memcmp(bytes + HEAD, identity->bytes + IDENTITY_STATE_AT, STATE_SIZE) != 0) {
        return -ENOENT;
    }
    memcpy(ret_content->bytes, bytes + HEAD + STATE_SIZE, sizeof ret_content->bytes);
    return 0;
}
