/* SPDX-License-Identifier: Apache-2.0
 *
 * Stores of the array, and the objects in them, page after page.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/document.h"
#include "client/fail.h"
#include "client/left_out.h"
#include "client/name_check.h"

struct stores {
    struct situ_stores public; /* first */
    struct document document;
};

struct situ_objects {
    struct situ *array; /* borrowed */
    char *store;        /* owned */
    char *prefix;       /* owned */
    bool sizes;
    bool all;
    struct document page;
    size_t position;               /* in the page */
    struct buffer after;           /* the bytes of the last key */
    struct buffer name;            /* as text: encoded where it is not UTF-8 */
    struct buffer raw_name;        /* its bytes */
    bool more;                     /* after this page */
    bool unlisted;                 /* what was found last is a directory that cannot be listed */
    struct situ_left_out left_out; /* of the pages so far */
    struct situ_object object;
};

static int fill_stores(struct stores *stores, struct situ_error *error)
{
    const struct json *nodes = json_member(stores->document.root, "stores");
    if (json_type_of(nodes) != JSON_TYPE_ARRAY) {
        return client_fail(error, SITU_PROTOCOL, "the array's list of stores cannot be read");
    }
    size_t count = json_length(nodes);
    const struct situ_store **list =
        document_alloc(&stores->document, count, sizeof(struct situ_store *));
    struct situ_store *memory = document_alloc(&stores->document, count, sizeof *memory);
    if (!list || !memory) {
        return client_fail_memory(error);
    }
    for (size_t i = 0; i < count; i++) {
        const struct json *node = json_element(nodes, i);
        memory[i] = (struct situ_store){.name = json_get_string(json_member(node, "name"), ""),
                                        .kind = json_get_string(json_member(node, "kind"), "")};
        list[i] = &memory[i];
    }
    stores->public = (struct situ_stores){
        .stores = list, .count = count, .json = document_text(&stores->document)};
    return 0;
}

int situ_store_list(struct situ *array, struct situ_stores **ret_stores, struct situ_error *error)
{
    if (ret_stores) {
        *ret_stores = NULL;
    }
    if (!array || !ret_stores) {
        return -EINVAL;
    }
    struct stores *stores = calloc(1, sizeof *stores);
    if (!stores) {
        return client_fail_memory(error);
    }
    cleanup_buffer struct buffer target = BUFFER_INIT;
    buffer_append_text(&target, "/v1/stores");
    int r = document_get(&stores->document, array, &target, error);
    if (r == 0) {
        r = fill_stores(stores, error);
    }
    if (r) {
        situ_stores_free(&stores->public);
        return r;
    }
    *ret_stores = &stores->public;
    return 0;
}

void situ_stores_free(struct situ_stores *stores)
{
    if (stores) {
        struct stores *whole = (struct stores *)(void *)stores;
        document_done(&whole->document);
        free(whole);
    }
}

int situ_stores_available(const struct situ_stores *stores, size_t index, const char **ret_reason,
                          const char **ret_since)
{
    if (!stores || index >= stores->count) {
        return -EINVAL;
    }
    const struct stores *whole = (const struct stores *)(const void *)stores;
    const struct json *node = json_element(json_member(whole->document.root, "stores"), index);
    const char *state = json_get_string(json_member(node, "state"), "available");
    if (ret_reason) {
        *ret_reason = json_get_string(json_member(node, "reason"), "");
    }
    if (ret_since) {
        *ret_since = json_get_string(json_member(node, "since"), "");
    }
    return strcmp(state, "available") == 0 ? 1 : 0;
}

static int control(struct situ *array, const char *store, const char *action,
                   struct situ_error *error)
{
    cleanup_buffer struct buffer target = BUFFER_INIT;
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
    struct request request = {
        .method = "POST", .target = buffer_text(&target), .content = CONTENT_JSON, .once = true};
    return request.target ? request_perform(array, &request, &answer, error)
                          : client_fail_memory(error);
}

int situ_store_detach(struct situ *array, const char *store, struct situ_error *error)
{
    return control(array, store, "detach", error);
}

int situ_store_attach(struct situ *array, const char *store, int empty, struct situ_error *error)
{
    return control(array, store, empty ? "attach?empty=1" : "attach", error);
}

static int fetch_page(struct situ_objects *objects, struct situ_error *error)
{
    cleanup_buffer struct buffer target = BUFFER_INIT;
    buffer_append_text(&target, "/v1/stores/");
    url_append(&target, objects->store, false);
    buffer_append_text(&target, "/objects");
    if (objects->prefix[0]) {
        url_append_query(&target, "prefix", objects->prefix);
    }
    if (objects->after.size > 0) {
        url_append_query(&target, "after", objects->after.data);
    }
    if (objects->sizes) {
        url_append_query(&target, "sizes", "1");
    }
    if (objects->all) {
        url_append_query(&target, "all", "1");
    }
    if (objects->array->no_exclude_defaults) {
        url_append_query(&target, "exclude_defaults", "0");
    }
    if (objects->array->sniff) {
        url_append_query(&target, "sniff", "1");
    }
    url_append_query(&target, "unlisted", "1");
    document_done(&objects->page);
    int r = document_get(&objects->page, objects->array, &target, error);
    if (r) {
        return r;
    }
    const struct json *root = objects->page.root;
    const struct json *list = json_member(root, "objects");
    objects->position = 0;
    objects->more = json_get_bool(json_member(root, "more"), false);
    struct situ_left_out left_out;
    left_out_fill(&left_out, root);
    left_out_add(&objects->left_out, &left_out);
    bool stuck = objects->more && json_length(list) == 0;
    if (json_type_of(list) != JSON_TYPE_ARRAY || stuck) {
        return client_fail(error, SITU_PROTOCOL, "the array's list of objects cannot be read");
    }
    return 0;
}

static int make(struct situ *array, const char *selection, const struct situ_list_options *options,
                struct situ_objects *objects, struct situ_error *error)
{
    struct situ_list_options known;
    int r = client_options(&known, sizeof known, options, error);
    if (r) {
        return r;
    }
    if (!selection || !selection[0] || selection[0] == '/') {
        return client_fail(error, SITU_USAGE, "objects '%.200s': give STORE or STORE/PREFIX",
                           selection ? selection : "");
    }
    const char *rest;
    size_t length = name_split(selection, &rest);
    objects->array = array;
    objects->store = strndup(selection, length);
    objects->prefix = strdup(rest);
    objects->sizes = known.sizes != 0;
    objects->all = known.all != 0;
    if (known.after) {
        buffer_append(&objects->after, known.after, strlen(known.after) + 1);
    }
    if (!objects->store || !objects->prefix || buffer_ok(&objects->after)) {
        return client_fail_memory(error);
    }
    return fetch_page(objects, error);
}

int situ_object_list(struct situ *array, const char *selection,
                     const struct situ_list_options *options, struct situ_objects **ret_objects,
                     struct situ_error *error)
{
    if (ret_objects) {
        *ret_objects = NULL;
    }
    if (!array || !ret_objects) {
        return -EINVAL;
    }
    struct situ_objects *objects = calloc(1, sizeof *objects);
    if (!objects) {
        return client_fail_memory(error);
    }
    int r = make(array, selection, options, objects, error);
    if (r) {
        situ_objects_free(objects);
        return r;
    }
    *ret_objects = objects;
    return 0;
}

int situ_object_next(struct situ_objects *objects, const struct situ_object **ret_object,
                     struct situ_error *error)
{
    if (!objects || !ret_object) {
        return -EINVAL;
    }
    objects->unlisted = false;
    const struct json *list = json_member(objects->page.root, "objects");
    if (objects->position >= json_length(list)) {
        if (!objects->more) {
            return 0;
        }
        int r = fetch_page(objects, error);
        if (r) {
            return r;
        }
        list = json_member(objects->page.root, "objects");
        if (json_length(list) == 0) {
            return 0;
        }
    }
    const struct json *node = json_element(list, objects->position++);
    const char *key = json_get_string(json_member(node, "key"), NULL);
    if (!key) {
        return client_fail(error, SITU_PROTOCOL, "the array lists an object without a key");
    }
    const char *raw_key = NULL;
    int failed = document_name(&objects->page, node, "key", &raw_key, error);
    if (failed) {
        return failed;
    }
    buffer_clear(&objects->after);
    buffer_append(&objects->after, raw_key, strlen(raw_key) + 1);
    buffer_clear(&objects->name);
    buffer_printf(&objects->name, "%s/%s", objects->store, key);
    buffer_clear(&objects->raw_name);
    buffer_printf(&objects->raw_name, "%s/%s", objects->store, raw_key);
    const char *name = buffer_text(&objects->name);
    if (!name || buffer_ok(&objects->after) || !buffer_text(&objects->raw_name)) {
        return client_fail_memory(error);
    }
    const struct json *fault = json_member(node, "error");
    if (fault) {
        objects->unlisted = true;
        return client_fail(
            error, client_code_parse(json_get_string(json_member(fault, "code"), "")),
            "%.1000s: %.500s", name, json_get_string(json_member(fault, "message"), ""));
    }
    int64_t size = json_get_integer(json_member(node, "size"), 0);
    objects->object =
        (struct situ_object){.name = name, .key = key, .size_bytes = size > 0 ? (uint64_t)size : 0};
    *ret_object = &objects->object;
    return 1;
}

const char *situ_object_raw_name(const struct situ_objects *objects)
{
    return objects && objects->raw_name.size > 0 ? objects->raw_name.data : NULL;
}

int situ_objects_unlisted(const struct situ_objects *objects)
{
    return objects && objects->unlisted;
}

uint64_t situ_objects_skipped(const struct situ_objects *objects)
{
    return objects ? objects->left_out.skipped : 0;
}

int situ_objects_left_out(const struct situ_objects *objects, struct situ_left_out *ret_left_out)
{
    return objects ? left_out_copy(ret_left_out, &objects->left_out) : -EINVAL;
}

void situ_objects_free(struct situ_objects *objects)
{
    if (objects) {
        document_done(&objects->page);
        buffer_done(&objects->after);
        buffer_done(&objects->name);
        buffer_done(&objects->raw_name);
        free(objects->store);
        free(objects->prefix);
        free(objects);
    }
}
