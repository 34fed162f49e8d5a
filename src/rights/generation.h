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
    uint32_t *by_name;   /* the same for kinds and names of sections */
    uint32_t *by_id;     /* and for kinds and numbers of users and groups that are known */
    size_t name_slots;   /* of both, a power of two: a section may have two names in `by_name` */
};

/* Makes room in `by_name` and `by_id` for so many sections. ERROR_MEMORY. */
must_check int rights_index_begin(struct rights *rights, size_t sections, struct error *error);
/* Enters the section at `index`, whose name is new among those of its kind. */
void rights_index_name(struct rights *rights, size_t index);

/* Builds `by_digest`. ERROR_MALFORMED with both lines where two sections have the same hash;
 * ERROR_MEMORY. */
must_check int rights_index_tokens(struct rights *rights, struct error *error);

#endif
