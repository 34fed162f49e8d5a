/* SPDX-License-Identifier: Apache-2.0
 *
 * What an index is asked to be, as a value: copied and freed. Pure.
 */
#ifndef SITU_RETRIEVAL_RETRIEVAL_SPEC_H
#define SITU_RETRIEVAL_RETRIEVAL_SPEC_H

#include "base/cleanup.h"
#include "base/error.h"
#include "retrieval/retrieval.h"

/* -ENOMEM. */
must_check int retrieval_spec_copy(const struct retrieval_spec *spec,
                                   struct retrieval_spec *ret_copy);
void retrieval_spec_done(struct retrieval_spec *spec);

/* Is it fed by a job? Otherwise it was imported. */
static inline bool retrieval_spec_is_fed(const struct retrieval_spec *spec)
{
    return spec->select.store != NULL;
}

#endif
