/* SPDX-License-Identifier: Apache-2.0
 *
 * Builds a page of a listing: keys are collected in one buffer and copied behind their entries
 * at the end, so that the page is one allocation. Used by one thread.
 */
#ifndef SITU_STORE_PAGE_H
#define SITU_STORE_PAGE_H

#include "base/buffer.h"
#include "store/store.h"

struct page_builder {
    struct buffer keys;  /* each with its NUL */
    struct buffer sizes; /* uint64_t each */
    struct buffer flaws; /* an int each: 0 for a key, -1 for a name that is none, errno for a
                          * directory that cannot be listed */
    size_t count;
    struct left_out_tally left_out;
};

#define PAGE_BUILDER_INIT ((struct page_builder){0})

void page_builder_done(struct page_builder *builder);

void page_builder_add(struct page_builder *builder, const char *key, size_t key_size,
                      uint64_t size_bytes, bool flawed);

/* A directory, with its `/`, that cannot be listed. */
void page_builder_add_unlisted(struct page_builder *builder, const char *path, size_t path_size,
                               int errnum);

/* The page, owned by the caller (store_page_done). -ENOMEM. */
must_check int page_builder_finish(const struct page_builder *builder, bool more,
                                   struct store_page *ret_page, struct error *error);

#endif
