/* SPDX-License-Identifier: Apache-2.0
 *
 * The body of a search, and numbers of its query, from any client. An accepted one keeps its
 * contract.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "wire/search_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct search_request *request)
{
    size_t values = request->query_count * request->dimension;
    if (request->query_count < 1 || request->query_count > LIMIT_SEARCH_QUERIES || request->k < 1 ||
        request->k > LIMIT_SEARCH_HITS || !request->prefix || !isfinite(request->min_score)) {
        abort();
    }
    if (request->by == SEARCH_BY_VECTOR) {
        for (size_t i = 0; i < values; i++) {
            if (!isfinite(request->vectors[i])) {
                abort();
            }
        }
        return;
    }
    for (size_t i = 0; request->by == SEARCH_BY_OBJECT && i < request->query_count; i++) {
        if (search_request_object(request, i)[0] == '\0') {
            abort();
        }
    }
}

static const char *same_text(void *context, const char *name)
{
    (void)name;
    return context;
}

static void try_query(const uint8_t *data, size_t size)
{
    struct search_request request = {0};
    char text[64];
    size_t length = size < sizeof text ? size : sizeof text - 1;
    memcpy(text, data, length);
    text[length] = '\0';
    if (search_request_from_query(same_text, text, &request, NULL) == 0) {
        check(&request);
        search_request_done(&request);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct search_request request = {0};
    struct error error = {0};
    if (search_request_parse(data, size, &request, &error) == 0) {
        check(&request);
        search_request_done(&request);
    } else if (error.code == ERROR_NONE || request.body || request.vectors) {
        abort();
    }
    if (size > 0) {
        try_query(data, size);
    }
    return 0;
}
