/* SPDX-License-Identifier: Apache-2.0
 *
 * The body of a request for a job, from any client. An accepted one keeps its contract.
 */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "wire/job_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct job_request *request)
{
    if (request->top < 1 || request->top > LIMIT_TOP || request->priority > LIMIT_JOB_PRIORITY ||
        request->interval_s < 1 || request->key_count > LIMIT_RUN_KEYS || !request->model[0]) {
        abort();
    }
    if (!request->prefix || (!request->names && !request->store) ||
        (request->names && (*request->prefix || request->glob || request->standing))) {
        abort();
    }
    for (size_t i = 0; i < request->key_count; i++) {
        const char *key = job_request_key(request, i);
        if (!key || !*key || strchr(key, '\n')) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct job_request request = {0};
    struct error error = {0};
    if (job_request_parse(data, size, &request, &error) < 0) {
        if (error.code == ERROR_NONE || request.body) {
            abort();
        }
        return 0;
    }
    check(&request);
    job_request_done(&request);
    return 0;
}
