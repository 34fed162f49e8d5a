/* SPDX-License-Identifier: Apache-2.0
 *
 * The spec of an index: see retrieval_spec.h.
 */
#include "retrieval/retrieval_spec.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"

void retrieval_spec_done(struct retrieval_spec *spec)
{
    free(spec->store);
    free(spec->prefix);
    free(spec->glob);
    select_rules_done(&spec->rules);
    *spec = (struct retrieval_spec){.name = ""};
}

int retrieval_spec_copy(const struct retrieval_spec *spec, struct retrieval_spec *ret_copy)
{
    struct retrieval_spec copy = *spec;
    copy.store = NULL;
    copy.prefix = NULL;
    copy.glob = NULL;
    copy.rules = (struct select_rules){.sniff = false};
    if (text_copy(spec->store, &copy.store) < 0 || text_copy(spec->prefix, &copy.prefix) < 0 ||
        text_copy(spec->glob, &copy.glob) < 0 || select_rules_copy(&spec->rules, &copy.rules) < 0) {
        retrieval_spec_done(&copy);
        return -ENOMEM;
    }
    *ret_copy = copy;
    return 0;
}
