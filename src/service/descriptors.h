/* SPDX-License-Identifier: Apache-2.0
 *
 * Divides the descriptors of the process: stores, models and jobs get theirs first, connections the
 * rest.
 */
#ifndef SITU_SERVICE_DESCRIPTORS_H
#define SITU_SERVICE_DESCRIPTORS_H

#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"

/* Raises the soft limit to the hard one. Returns it. */
uint64_t descriptors_raise(void);

/* How many connections fit into `limit` descriptors in addition to `lanes` and `stores`, at most
 * `wanted`. ERROR_UNAVAILABLE if one loaded model and a few connections do not fit. */
must_check int descriptors_for_connections(uint64_t limit, uint64_t lanes, uint64_t stores,
                                           uint64_t wanted, uint64_t *ret_connections,
                                           struct error *error);

#endif
