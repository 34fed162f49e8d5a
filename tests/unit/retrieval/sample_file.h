/* SPDX-License-Identifier: Apache-2.0
 *
 * The file of an index whose members are all set, for tests of how it is written.
 */
#ifndef TESTS_RETRIEVAL_SAMPLE_FILE_H
#define TESTS_RETRIEVAL_SAMPLE_FILE_H

#include "retrieval/index_file.h"

/* `prefix` is borrowed; its other texts are constant. */
static inline struct index_file sample_file(char *prefix)
{
    static char store[] = "photos";
    static char glob[] = "*.jpg";
    return (struct index_file){
        .spec = {.name = "photos-like",
                 .model = "clip",
                 .version = "1",
                 .digest = "82d7",
                 .select = {.store = store, .prefix = prefix, .glob = glob},
                 .metric = INDEX_COSINE,
                 .interval_s = 60},
        .number = 1,
        .last = 2,
        .next_number = 2,
        .next_model = "clip",
        .next_version = "2",
        .next_digest = "99",
    };
}

#endif
