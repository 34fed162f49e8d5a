/* SPDX-License-Identifier: Apache-2.0
 *
 * Stores of the array: list, detach, attach.
 */
#include <errno.h>
#include <string.h>

#include "client/document.h"
#include "client/reply.h"
#include "client/url.h"

static int fill(struct document *document, struct situ_error *error)
{
    struct situ_stores *stores = document_public(document);
    const struct json *nodes;
    int r = document_list(document, "stores", &nodes, error);
    if (r) {
        return r;
    }
    size_t count = json_length(nodes);
    const struct situ_store **list = document_alloc(document, count, sizeof(struct situ_store *));
    struct situ_store *memory = document_alloc(document, count, sizeof *memory);
    if (!list || !memory) {
        return client_fail_memory(error);
    }
    for (size_t i = 0; i < count; i++) {
        const struct json *node = json_element(nodes, i);
        memory[i] =
            (struct situ_store){.name = reply_text(node, "name"), .kind = reply_text(node, "kind")};
        list[i] = &memory[i];
    }
    *stores = (struct situ_stores){.stores = list, .count = count, .json = document_text(document)};
    return 0;
}

int situ_store_list(struct situ *array, struct situ_stores **ret_stores, struct situ_error *error)
{
    static const struct document_form form = {sizeof(struct situ_stores), fill};
    return document_show(array, "/v1/stores", &form, ret_stores, error);
}

void situ_stores_free(struct situ_stores *stores)
{
    document_free_public(stores);
}

int situ_stores_available(const struct situ_stores *stores, size_t index, const char **ret_reason,
                          const char **ret_since)
{
    if (!stores || index >= stores->count) {
        return -EINVAL;
    }
    const struct json *list = json_member(document_of(stores)->root, "stores");
    const struct json *node = json_element(list, index);
    const char *state = json_get_string(json_member(node, "state"), "available");
    if (ret_reason) {
        *ret_reason = reply_text(node, "reason");
    }
    if (ret_since) {
        *ret_since = reply_text(node, "since");
    }
    return strcmp(state, "available") == 0 ? 1 : 0;
}

static int control(struct situ *array, const char *store, const char *action,
                   struct situ_error *error)
{
    cleanup_buffer struct buffer target = BUFFER_INIT;
    cleanup_buffer struct buffer body = BUFFER_INIT;
    cleanup_buffer struct buffer answer = BUFFER_INIT;
    if (!array) {
        return -EINVAL;
    }
    if (!store || !store[0] || strchr(store, '/')) {
        return client_fail(error, SITU_USAGE, "'%.200s' is no store", store ? store : "");
    }
    buffer_append_text(&target, "/v1/stores/");
    url_append(&target, store, false);
    buffer_append_char(&target, '/');
    buffer_append_text(&target, action);
    struct request request = request_json("POST", &target, &body);
    request.once = true;
    return request_perform(array, &request, &answer, error);
}

int situ_store_detach(struct situ *array, const char *store, struct situ_error *error)
{
    return control(array, store, "detach", error);
}

int situ_store_attach(struct situ *array, const char *store, int empty, struct situ_error *error)
{
    return control(array, store, empty ? "attach?empty=1" : "attach", error);
}
