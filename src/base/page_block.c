/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory of whole pages: see page_block.h.
 */
#include "base/page_block.h"

#include <stdlib.h>
#include <sys/mman.h>

#ifdef __SANITIZE_ADDRESS__ /* it sees into memory of malloc() only */

void *page_block_new(size_t size)
{
    return calloc(1, size);
}

void page_block_free(void *memory, size_t size)
{
    (void)size;
    free(memory);
}

#else

void *page_block_new(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

void page_block_free(void *memory, size_t size)
{
    if (memory) {
        (void)munmap(memory, size);
    }
}

#endif
