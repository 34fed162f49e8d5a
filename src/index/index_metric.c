/* SPDX-License-Identifier: Apache-2.0
 *
 * The names of metrics, in files and in the protocol.
 */
#include <string.h>

#include "index/index.h"

static const char *const names[] = {
    "", [INDEX_COSINE] = "cosine", [INDEX_DOT] = "dot", [INDEX_EUCLIDEAN] = "euclidean"};

const char *index_metric_name(enum index_metric metric)
{
    return (unsigned)metric < sizeof names / sizeof names[0] ? names[metric] : "";
}

enum index_metric index_metric_parse(const char *name)
{
    for (unsigned i = INDEX_COSINE; i <= INDEX_EUCLIDEAN; i++) {
        if (strcmp(names[i], name) == 0) {
            return (enum index_metric)i;
        }
    }
    return (enum index_metric)0;
}
