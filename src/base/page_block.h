/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory of whole pages, for blocks of tens of KiB that are rarely made: it goes back to the
 * kernel when it is freed. From malloc() such blocks would stay in the arena of whichever thread
 * made them, once for each arena. Any thread.
 */
#ifndef SITU_BASE_PAGE_BLOCK_H
#define SITU_BASE_PAGE_BLOCK_H

#include <stddef.h>

/* Zeroed. NULL: out of memory. */
void *page_block_new(size_t size);
/* `size` as it was given to page_block_new(). NULL is fine. */
void page_block_free(void *memory, size_t size);

#endif
