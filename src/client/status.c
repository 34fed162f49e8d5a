/* SPDX-License-Identifier: Apache-2.0
 *
 * The status of the array.
 */
#include <errno.h>

#include "client/document.h"
#include "client/reply.h"

static int fill(struct document *document, struct situ_error *error)
{
    (void)error;
    struct situ_array_status *status = document_public(document);
    const struct json *root = document->root;
    const struct json *sandbox = json_member(root, "sandbox");
    *status = (struct situ_array_status){
        .version = reply_text(root, "version"),
        .state = reply_text(root, "state"),
        .uptime_s = json_get_number(json_member(root, "uptime_s"), 0),
        .cores = (uint32_t)reply_count(root, "cores"),
        .lanes = (uint32_t)reply_count(root, "lanes"),
        .lanes_busy = (uint32_t)reply_count(root, "lanes_busy"),
        .queue = (uint32_t)reply_count(root, "queue"),
        .models_loaded = (uint32_t)reply_count(root, "models_loaded"),
        .memory_bytes = reply_count(root, "memory_bytes"),
        .memory_budget_bytes = reply_count(root, "memory_budget_bytes"),
        .landlock = reply_flag(sandbox, "landlock", false),
        .seccomp = reply_flag(sandbox, "seccomp", false),
        .sandbox_warning = reply_text(sandbox, "warning"),
        .objects = reply_count(root, "objects"),
        .bytes_read = reply_count(root, "bytes_read"),
        .bytes_sent = reply_count(root, "bytes_sent"),
        .bytes_received = reply_count(root, "bytes_received"),
        .json = document_text(document),
    };
    return 0;
}

int situ_status(struct situ *array, struct situ_array_status **ret_status, struct situ_error *error)
{
    static const struct document_form form = {sizeof(struct situ_array_status), fill};
    return document_show(array, "/v1/status", &form, ret_status, error);
}

int situ_array_status_is_partial(const struct situ_array_status *status)
{
    if (!status) {
        return -EINVAL;
    }
    const struct json *objects = json_member(document_of(status)->root, "objects");
    return objects && json_type_of(objects) == JSON_TYPE_NULL ? 1 : 0;
}

int situ_array_degraded(const struct situ_array_status *status, size_t index,
                        const char **ret_store, const char **ret_reason)
{
    if (!status || !ret_store || !ret_reason) {
        return -EINVAL;
    }
    const struct json *list = json_member(document_of(status)->root, "degraded");
    const struct json *node = json_element(list, index);
    if (!node) {
        return 0;
    }
    *ret_store = reply_text(node, "store");
    *ret_reason = reply_text(node, "reason");
    return 1;
}

void situ_array_status_free(struct situ_array_status *status)
{
    document_free_public(status);
}
