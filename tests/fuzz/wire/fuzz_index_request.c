/* SPDX-License-Identifier: Apache-2.0
 *
 * Bodies of requests that create and rebuild indexes, from any client. Accepted ones keep their
 * contract.
 */
#include <stdlib.h>
#include <string.h>

#include "base/name.h"
#include "wire/index_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct index_request request = {0};
    struct error error = {0};
    struct rebuild_request rebuild;
    const char *metric = NULL;
    if (index_request_parse(data, size, &request, &error) == 0) {
        if (name_check(request.name, "an index's name", NULL) < 0 || !request.model[0] ||
            !request.store || !request.prefix || request.interval_s < 1 ||
            index_request_metric(request.metric, NULL, &metric, NULL) < 0) {
            abort();
        }
        index_request_done(&request);
    } else if (error.code == ERROR_NONE || request.body) {
        abort();
    }
    if (rebuild_request_parse(data, size, &rebuild, NULL) == 0 && !rebuild.model[0] &&
        !rebuild.exclude_defaults) {
        abort();
    }
    return 0;
}
