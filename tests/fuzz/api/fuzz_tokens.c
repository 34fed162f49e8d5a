/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the token file's parser: no token is only blanks, and no accepted token has a control
 * byte.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/tokens.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const strangers[] = {"Bearer", "Bearer ", "Bearer    ", "Bearer \t",
                                            "Bearer \r"};
    struct tokens *tokens = NULL;
    struct error error = {0};
    if (tokens_parse((const char *)data, size, &tokens, &error) < 0) {
        if (!error.message[0] || tokens) {
            abort();
        }
        return 0;
    }
    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++) {
        if (tokens_admit(tokens, strangers[i])) {
            abort();
        }
    }
    if (tokens_count(tokens) == 0 || memchr(data, '\0', size)) {
        abort();
    }
    tokens_free(tokens);
    return 0;
}
