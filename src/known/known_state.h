/* SPDX-License-Identifier: Apache-2.0
 *
 * What the parts of a table share: opening and lookups (known.c), batches (known_batch.c), walks
 * (known_walk.c). Private to these files.
 */
#ifndef SITU_KNOWN_KNOWN_STATE_H
#define SITU_KNOWN_KNOWN_STATE_H

#include <stdatomic.h>

#include "known/entry_name.h"
#include "known/entry_value.h"
#include "known/known.h"
#include "mdb/datafile.h"

#define WHAT "the table of known objects"

struct known {
    struct datafile file;
    uint64_t next_group; /* the writer's */
    atomic_uint_fast64_t count;
};

/* A read transaction; given back by readers_give. */
must_check int known_read(struct known *known, MDB_txn **ret_txn, struct error *error);

/* The one message for a table that was damaged while open: ERROR_MALFORMED. */
int known_damaged(struct error *error);

#endif
