/* SPDX-License-Identifier: Apache-2.0
 *
 * The inside of a generation of rights. Private to src/rights.
 */
#ifndef SITU_RIGHTS_GENERATION_H
#define SITU_RIGHTS_GENERATION_H

#include <stdatomic.h>

#include "base/pool.h"
#include "rights/rights.h"

struct rights {
    atomic_uint references;
    struct pool pool; /* all texts and lists of the sections */
    struct grant *grants;
    size_t count, room;
    size_t counts[GRANT_KINDS]; /* of each kind */
    size_t plain_line, short_line;
    uint32_t *by_digest; /* open addressing: 1 + the index of a token's section; 0: free */
    size_t slots;        /* a power of two, above the number of tokens */
};

/* Builds `by_digest`. -EEXIST with the lines where two tokens are the same; ERROR_MEMORY. */
must_check int rights_index_tokens(struct rights *rights, struct error *error);

/* The SHA-256 of a token. */
must_check int rights_digest(const char *token, size_t size, uint8_t digest[32]);

#endif
