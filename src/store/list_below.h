/* SPDX-License-Identifier: Apache-2.0
 *
 * A listing below several prefixes, as if the store held only the objects there. Any thread.
 */
#ifndef SITU_STORE_LIST_BELOW_H
#define SITU_STORE_LIST_BELOW_H

#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "store/store.h"

/* One page, as of store_list(), of the keys that begin with one of the prefixes: sorted by bytes,
 * none within another, each beginning with that of the query, whose limit is 1..LIMIT_LIST_PAGE.
 * Nothing outside of them is read, counted or waited for. Without any, the page is empty, but
 * errors of the query and of the store are reported. What is skipped behind the last key of a
 * prefix is counted on that key's page. */
must_check int store_list_below(struct store *store, const struct store_list_query *query,
                                const char *const *prefixes, size_t count,
                                struct store_page *ret_page, struct error *error);

#endif
