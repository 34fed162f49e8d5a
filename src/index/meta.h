/* SPDX-License-Identifier: Apache-2.0
 *
 * The index's meta database: one LMDB file in the subdirectory `meta`. Its commit is the index's.
 * Transactions are LMDB's; the functions here get, put and fill errors.
 */
#ifndef SITU_INDEX_META_H
#define SITU_INDEX_META_H

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "index/records.h"
#include "mdb/datafile.h"

struct meta {
    struct datafile file;
};

/* Checks and opens the file, calling `visit` for each entry. -ENOENT (ERROR_NOT_FOUND): there is
 * none, or nothing was ever committed to it; ERROR_CONFLICT, ERROR_MALFORMED, ERROR_IO,
 * ERROR_NO_SPACE, ERROR_MEMORY. */
must_check int meta_open(const char *directory, uint64_t limit_bytes, pages_visit_fn visit,
                         void *context, struct meta *meta, struct error *error);

/* Makes a database with the head and nothing else; ERROR_CONFLICT where there is one. */
must_check int meta_create(const char *directory, const struct record_head *head,
                           struct error *error);
void meta_close(struct meta *meta); /* zeros are fine */

/* Removes the files, where no process has them open. */
must_check int meta_destroy(const char *directory, struct error *error);

/* Fills *error from LMDB's code. */
int meta_failed(const struct meta *meta, int code, const char *deed, struct error *error);

/* The one message for damaged records: ERROR_MALFORMED. */
int meta_damaged(struct error *error);

/* 0 and the value, borrowed from the transaction; -ENOENT without a message. */
must_check int meta_get(const struct meta *meta, MDB_txn *txn, const struct record_key *key,
                        MDB_val *ret_value, struct error *error);
must_check int meta_put(const struct meta *meta, MDB_txn *txn, const struct record_key *key,
                        const struct record_value *value, struct error *error);
must_check int meta_remove(const struct meta *meta, MDB_txn *txn, const struct record_key *key,
                           struct error *error);

must_check int meta_get_head(const struct meta *meta, MDB_txn *txn, struct record_head *ret_head,
                             struct error *error);
must_check int meta_put_head(const struct meta *meta, MDB_txn *txn, const struct record_head *head,
                             struct error *error);
/* A slot whose record is missing is ERROR_MALFORMED. */
must_check int meta_get_slot(const struct meta *meta, MDB_txn *txn, uint32_t slot,
                             struct record_slot *ret_slot, struct error *error);
must_check int meta_put_slot(const struct meta *meta, MDB_txn *txn, uint32_t slot,
                             const struct record_slot *record, struct error *error);

uint64_t meta_used_bytes(const struct meta *meta);

#endif
