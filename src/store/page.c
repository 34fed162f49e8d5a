/* SPDX-License-Identifier: Apache-2.0
 *
 * Building a page of a listing.
 */
#include "store/page.h"

#include <stdlib.h>
#include <string.h>

void page_builder_done(struct page_builder *builder)
{
    buffer_done(&builder->keys);
    buffer_done(&builder->sizes);
    buffer_done(&builder->flaws);
}

static void add(struct page_builder *builder, const char *key, size_t key_size, uint64_t size_bytes,
                int flaw)
{
    buffer_append(&builder->keys, key, key_size);
    buffer_append_char(&builder->keys, '\0');
    buffer_append(&builder->sizes, &size_bytes, sizeof size_bytes);
    buffer_append(&builder->flaws, &flaw, sizeof flaw);
    builder->count++;
}

void page_builder_add(struct page_builder *builder, const char *key, size_t key_size,
                      uint64_t size_bytes, bool flawed)
{
    add(builder, key, key_size, size_bytes, flawed ? -1 : 0);
}

void page_builder_add_unlisted(struct page_builder *builder, const char *path, size_t path_size,
                               int errnum)
{
    add(builder, path, path_size, 0, errnum);
}

int page_builder_finish(const struct page_builder *builder, bool more, struct store_page *ret_page,
                        struct error *error)
{
    size_t table_size = builder->count * sizeof(struct store_entry);
    void *memory = malloc(table_size + builder->keys.size + 1);
    if (!memory || buffer_ok(&builder->keys) < 0 || buffer_ok(&builder->sizes) < 0 ||
        buffer_ok(&builder->flaws) < 0) {
        free(memory);
        return error_memory(error, "a page of a listing");
    }
    struct store_entry *entries = memory;
    char *keys = (char *)memory + table_size;
    if (builder->count > 0) {
        memcpy(keys, builder->keys.data, builder->keys.size);
    }
    for (size_t i = 0; i < builder->count; i++) {
        entries[i].key = keys;
        int flaw = 0;
        memcpy(&flaw, builder->flaws.data + i * sizeof flaw, sizeof flaw);
        entries[i].flawed = flaw != 0;
        entries[i].errnum = flaw > 0 ? flaw : 0;
        memcpy(&entries[i].size_bytes, builder->sizes.data + i * sizeof(uint64_t),
               sizeof(uint64_t));
        keys += strlen(keys) + 1;
    }
    *ret_page = (struct store_page){.entries = entries,
                                    .count = builder->count,
                                    .more = more,
                                    .left_out = builder->left_out,
                                    .memory = memory};
    return 0;
}
