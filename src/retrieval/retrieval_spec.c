/* SPDX-License-Identifier: Apache-2.0
 *
 * The spec of an index: see retrieval_spec.h.
 */
#include "retrieval/retrieval_spec.h"

#include <errno.h>
#include <string.h>

void retrieval_spec_done(struct retrieval_spec *spec)
{
    free(spec->store);
    free(spec->prefix);
    free(spec->glob);
    select_rules_done(&spec->rules);
    *spec = (struct retrieval_spec){.name = ""};
}

/* NULL stays NULL. */
static int copy_text(const char *text, char **ret_copy)
{
    *ret_copy = text ? strdup(text) : NULL;
    return text && !*ret_copy ? -ENOMEM : 0;
}

int retrieval_spec_copy(const struct retrieval_spec *spec, struct retrieval_spec *ret_copy)
{
    struct retrieval_spec copy = *spec;
    copy.store = NULL;
    copy.prefix = NULL;
    copy.glob = NULL;
    copy.rules = (struct select_rules){.sniff = false};
    if (copy_text(spec->store, &copy.store) < 0 || copy_text(spec->prefix, &copy.prefix) < 0 ||
        copy_text(spec->glob, &copy.glob) < 0 || select_rules_copy(&spec->rules, &copy.rules) < 0) {
        retrieval_spec_done(&copy);
        return -ENOMEM;
    }
    *ret_copy = copy;
    return 0;
}
