/* SPDX-License-Identifier: Apache-2.0
 *
 * Thumbnails, made on the array.
 */
#include <errno.h>

#include "client/name_check.h"
#include "client/transfer.h"
#include "client/url.h"

int situ_thumbnail(struct situ *array, const char *object, uint32_t edge, void **ret_bytes,
                   size_t *ret_size, struct situ_error *error)
{
    cleanup_buffer struct buffer target = BUFFER_INIT;
    cleanup_buffer struct buffer answer = BUFFER_INIT;
    if (ret_bytes) {
        *ret_bytes = NULL;
    }
    if (!array || !ret_bytes || !ret_size) {
        return -EINVAL;
    }
    int r = object_name_check(object, error);
    if (r) {
        return r;
    }
    if (edge && (edge < LIMIT_THUMBNAIL_EDGE_LEAST || edge > LIMIT_THUMBNAIL_EDGE)) {
        return client_fail(error, SITU_USAGE, "edge: give %u to %u pixels",
                           LIMIT_THUMBNAIL_EDGE_LEAST, LIMIT_THUMBNAIL_EDGE);
    }
    buffer_append_text(&target, "/v1/thumbnails/");
    url_append(&target, object, true);
    if (edge) {
        url_append_number(&target, "edge", edge);
    }
    struct request request = request_of("GET", &target);
    request.repeatable = true;
    r = request_perform(array, &request, &answer, error);
    if (r) {
        return r;
    }
    if (answer.size == 0) {
        return client_fail(error, SITU_PROTOCOL, "the array's thumbnail is empty");
    }
    *ret_size = answer.size;
    *ret_bytes = take_ptr(answer.data);
    return 0;
}
