/* SPDX-License-Identifier: Apache-2.0
 *
 * What a file is, by its first bytes: a name for whatever they are, and nothing read past them.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "data/file_kind.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct file_kind kind = file_kind_of(data, size);
    if ((kind.class == FILE_UNKNOWN) != (kind.name[0] == '\0')) {
        abort();
    }
    return 0;
}
