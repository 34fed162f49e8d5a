/* SPDX-License-Identifier: Apache-2.0
 *
 * The body of a run request, from any client. What is accepted keeps its promises.
 */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "wire/run_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct run_request request = {0};
    struct error error = {0};
    if (run_request_parse(data, size, &request, &error) < 0) {
        if (error.code == ERROR_NONE || request.body) {
            abort();
        }
        return 0;
    }
    if (!request.store == !request.keys || request.top < 1 || request.top > LIMIT_TOP ||
        request.key_count > LIMIT_RUN_KEYS) {
        abort();
    }
    if (request.store && (!request.prefix || !request.after)) {
        abort();
    }
    for (size_t i = 0; i < request.key_count; i++) {
        if (!run_request_key(&request, i)) {
            abort();
        }
    }
    run_request_done(&request);
    return 0;
}
