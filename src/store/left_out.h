/* SPDX-License-Identifier: Apache-2.0
 *
 * What listings skip: counted while a listing runs (struct left_out_tally), and then reported
 * with the most frequent suffixes by name (struct left_out). Values; any thread.
 */
#ifndef SITU_STORE_LEFT_OUT_H
#define SITU_STORE_LEFT_OUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/json_write.h"
#include "base/limits.h"
#include "store/suffix.h"

struct json;

struct left_out_tally {
    uint64_t suffixes[SUFFIX_KINDS]; /* files, by suffix_foreign() */
    uint64_t links;                  /* symbolic links */
    uint64_t names;                  /* names that cannot be keys, unless they are listed */
    uint64_t excluded;               /* files; directories count once, with their content */
};

struct left_out {
    uint64_t skipped; /* files with a foreign suffix, those in `suffixes` and others */
    uint64_t links;
    uint64_t names;
    uint64_t excluded;
    unsigned suffix_count;
    struct left_out_suffix {
        char suffix[SUFFIX_SIZE];    /* lower case, without its dot */
        uint64_t files;              /* more than 0 */
    } suffixes[LIMIT_TOLD_SUFFIXES]; /* most files first, then by name */
};

void left_out_tally_add(struct left_out_tally *sum, const struct left_out_tally *more);
uint64_t left_out_tally_skipped(const struct left_out_tally *tally); /* for tests */

struct left_out left_out_of(const struct left_out_tally *tally);

bool left_out_is_same(const struct left_out *a, const struct left_out *b);

/* All together; 0: nothing was skipped. */
uint64_t left_out_sum(const struct left_out *left_out);

/* The members `"skipped":2,"skipped_suffixes":{"heic":2},"links":1,"excluded":3,"names":1`:
 * "skipped" always, the others if they are not 0. */
void left_out_put_json(struct json_writer *w, const struct left_out *left_out);

/* Reads the same members of `object`, all optional. -EINVAL: one is invalid. *ret_members is how
 * many there are, without "skipped". */
must_check int left_out_read_json(const struct json *object, struct left_out *ret_left_out,
                                  unsigned *ret_members);

#endif
