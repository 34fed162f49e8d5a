/* SPDX-License-Identifier: Apache-2.0
 *
 * Checks an LMDB data file before it is mapped. LMDB trusts its pages: a damaged one can end the
 * process (SIGSEGV, SIGBUS, its own assertions) or let it overwrite live pages. So the whole file
 * is read with pread, which reports a bad sector or a short file as an error, and both trees, that
 * of the entries and that of the free pages, are walked: every page that LMDB could ever access is
 * within the file, of the right kind, consistent and used once; keys are in order; counts are those
 * of the root. A file that passes can be mapped and changed safely.
 *
 * The format is that of LMDB 0.9 (data version 1) on a 64-bit little-endian machine, one unnamed
 * database without duplicates. Any thread.
 */
#ifndef SITU_MDB_PAGES_H
#define SITU_MDB_PAGES_H

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"

/* Called for each entry in key order; the bytes are valid during the call. A nonzero return ends
 * the check and is returned by it. */
typedef int (*pages_visit_fn)(void *context, const void *key, size_t key_size, const uint8_t *value,
                              size_t size);

struct pages_summary {
    uint64_t needed_bytes; /* the length that the file must have before it is mapped; it may be
                              shorter, since pages at its end that were never written are in no
                              tree */
    uint64_t used_pages;
};

/* 0; -EBADMSG for a damaged file, -EIO for an unreadable one, -ENOMEM; *error says what. */
must_check int pages_check(int fd, size_t page_size, pages_visit_fn visit, void *context,
                           struct pages_summary *ret_summary, struct error *error);

/* Bytes of whole pages that a value takes outside of its leaf; 0 where it fits into the leaf. */
uint64_t pages_overflow_bytes(size_t page_size, size_t key_size, size_t value_size);

#endif
