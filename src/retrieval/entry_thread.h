/* SPDX-License-Identifier: Apache-2.0
 *
 * The thread of an index. Any thread.
 */
#ifndef SITU_RETRIEVAL_ENTRY_THREAD_H
#define SITU_RETRIEVAL_ENTRY_THREAD_H

#include "base/cleanup.h"
#include "base/error.h"
#include "retrieval/entry.h"

/* Starts none if index.json cannot be read. ERROR_MEMORY. */
must_check int entry_start(struct entry *entry, struct error *error);
void entry_join(struct entry *entry); /* after entry_end(); may be called again */

#endif
