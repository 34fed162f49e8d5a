/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as the file `released`: accepted values are in bounds.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "jobs/released.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct released released;
    if (released_parse((const char *)data, size, &released) == 0 &&
        (released.place.offset < released.place.line || released.place.offset > INT64_MAX ||
         released.totals.lines != released.place.line ||
         released.totals.failed > released.place.line)) {
        abort();
    }
    return 0;
}
