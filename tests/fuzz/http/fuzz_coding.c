/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the parser of Accept-Encoding: weights are in their range, a coding is chosen only if the
 * fields have its name or a star, and reading the same fields twice changes nothing.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "http/coding.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_weight(int weight)
{
    if (weight < CODING_UNNAMED || weight > CODING_WEIGHT_ONE) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_free char *field = strndup((const char *)data, size);
    struct coding_wishes wishes = CODING_WISHES_INIT;
    if (!field) {
        return 0;
    }
    coding_accept(&wishes, field);
    for (int i = 0; i < HTTP_CODING_COUNT; i++) {
        check_weight(wishes.weights[i]);
    }
    check_weight(wishes.others);
    const char *name = coding_name(coding_choose(&wishes));
    if (name && !strcasestr(field, name) && !strchr(field, '*')) {
        abort();
    }
    struct coding_wishes again = wishes;
    coding_accept(&again, field);
    if (memcmp(&again, &wishes, sizeof(wishes)) != 0) {
        abort();
    }
    (void)coding_is_worth(field);
    return 0;
}
