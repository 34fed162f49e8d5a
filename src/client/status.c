/* SPDX-License-Identifier: Apache-2.0
 *
 * What the array says of itself.
 */
#include <errno.h>
#include <stdlib.h>

#include "client/document.h"

struct status {
    struct situ_array_status public; /* first */
    struct document document;
};

static uint64_t count_of(const struct json *object, const char *key)
{
    int64_t value = json_get_integer(json_member(object, key), 0);
    return value > 0 ? (uint64_t)value : 0;
}

static void fill(struct status *status)
{
    const struct json *root = status->document.root;
    const struct json *sandbox = json_member(root, "sandbox");
    status->public = (struct situ_array_status){
        .version = json_get_string(json_member(root, "version"), ""),
        .state = json_get_string(json_member(root, "state"), ""),
        .uptime_s = json_get_number(json_member(root, "uptime_s"), 0),
        .cores = (uint32_t)count_of(root, "cores"),
        .lanes = (uint32_t)count_of(root, "lanes"),
        .lanes_busy = (uint32_t)count_of(root, "lanes_busy"),
        .queue = (uint32_t)count_of(root, "queue"),
        .models_loaded = (uint32_t)count_of(root, "models_loaded"),
        .memory_bytes = count_of(root, "memory_bytes"),
        .memory_budget_bytes = count_of(root, "memory_budget_bytes"),
        .landlock = json_get_bool(json_member(sandbox, "landlock"), false),
        .seccomp = json_get_bool(json_member(sandbox, "seccomp"), false),
        .sandbox_warning = json_get_string(json_member(sandbox, "warning"), ""),
        .objects = count_of(root, "objects"),
        .bytes_read = count_of(root, "bytes_read"),
        .bytes_sent = count_of(root, "bytes_sent"),
        .bytes_received = count_of(root, "bytes_received"),
        .json = document_text(&status->document),
    };
}

int situ_status(struct situ *array, struct situ_array_status **ret_status, struct situ_error *error)
{
    if (ret_status) {
        *ret_status = NULL;
    }
    if (!array || !ret_status) {
        return -EINVAL;
    }
    struct status *status = calloc(1, sizeof *status);
    if (!status) {
        return client_fail_memory(error);
    }
    cleanup_buffer struct buffer target = BUFFER_INIT;
    buffer_append_text(&target, "/v1/status");
    int r = document_get(&status->document, array, &target, error);
    if (r) {
        situ_array_status_free(&status->public);
        return r;
    }
    fill(status);
    *ret_status = &status->public;
    return 0;
}

int situ_array_degraded(const struct situ_array_status *status, size_t index,
                        const char **ret_store, const char **ret_reason)
{
    if (!status || !ret_store || !ret_reason) {
        return -EINVAL;
    }
    const struct status *whole = (const struct status *)(const void *)status;
    const struct json *node = json_element(json_member(whole->document.root, "degraded"), index);
    if (!node) {
        return 0;
    }
    *ret_store = json_get_string(json_member(node, "store"), "");
    *ret_reason = json_get_string(json_member(node, "reason"), "");
    return 1;
}

void situ_array_status_free(struct situ_array_status *status)
{
    if (status) {
        struct status *whole = (struct status *)(void *)status;
        document_done(&whole->document);
        free(whole);
    }
}
