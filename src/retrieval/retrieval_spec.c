/* SPDX-License-Identifier: Apache-2.0
 *
 * The spec of an index: see retrieval_spec.h.
 */
#include "retrieval/retrieval_spec.h"

void retrieval_spec_done(struct retrieval_spec *spec)
{
    selection_done(&spec->select);
    *spec = (struct retrieval_spec){.name = ""};
}

int retrieval_spec_copy(const struct retrieval_spec *spec, struct retrieval_spec *ret_copy)
{
    struct retrieval_spec copy = *spec;
    int r = selection_copy(&spec->select, &copy.select);
    if (r == 0) {
        *ret_copy = copy;
    }
    return r;
}
