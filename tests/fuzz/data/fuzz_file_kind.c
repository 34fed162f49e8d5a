/* SPDX-License-Identifier: Apache-2.0
 *
 * Identifies a file by its first bytes: there is a name for any bytes, and nothing is read past
 * them.
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
