/* SPDX-License-Identifier: Apache-2.0
 *
 * The objects of a store, page after page.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/document.h"
#include "client/left_out.h"
#include "client/name_check.h"
#include "client/reply.h"
#include "client/url.h"

struct situ_objects {
    struct situ *array; /* borrowed */
    char *store;        /* owned */
    char *prefix;       /* owned */
    bool sizes;
    bool all;
    struct document *page;         /* owned; NULL before the first */
    const struct json *list;       /* of the page's objects; borrowed from it */
    size_t position;               /* in the list */
    struct buffer after;           /* the bytes of the last key */
    struct buffer name;            /* as text: encoded where it is not UTF-8 */
    struct buffer raw_name;        /* its bytes */
    bool more;                     /* after this page */
    bool unlisted;                 /* the last error: a directory cannot be listed */
    struct situ_left_out left_out; /* of the pages so far */
    struct situ_object object;
};

static int take_page(struct situ_objects *objects, struct situ_error *error)
{
    const struct json *root = objects->page->root;
    struct situ_left_out left_out;
    objects->position = 0;
    objects->more = reply_flag(root, "more", false);
    left_out_fill(&left_out, root);
    left_out_add(&objects->left_out, &left_out);
    int r = document_list(objects->page, "objects", &objects->list, error);
    if (r) {
        return r;
    }
    bool stuck = objects->more && json_length(objects->list) == 0;
    return stuck ? client_fail(error, SITU_PROTOCOL, "the array's list of objects cannot be read")
                 : 0;
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
    document_free(take_ptr(objects->page));
    objects->list = NULL;
    int r = document_get(objects->array, buffer_text(&target), NULL, &objects->page, error);
    return r ? r : take_page(objects, error);
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
    size_t length = name_check_split(selection, &rest);
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

/* Sets the name as text and as bytes, and the key after which the next page begins. */
static int take_names(struct situ_objects *objects, const struct json *node, const char *key,
                      struct situ_error *error)
{
    const char *raw_key = NULL;
    int r = document_name(objects->page, node, "key", &raw_key, error);
    if (r) {
        return r;
    }
    buffer_clear(&objects->after);
    buffer_append(&objects->after, raw_key, strlen(raw_key) + 1);
    buffer_clear(&objects->name);
    buffer_printf(&objects->name, "%s/%s", objects->store, key);
    buffer_clear(&objects->raw_name);
    buffer_printf(&objects->raw_name, "%s/%s", objects->store, raw_key);
    bool good = buffer_ok(&objects->after) == 0 && buffer_text(&objects->name) &&
                buffer_text(&objects->raw_name);
    return good ? 0 : client_fail_memory(error);
}

int situ_object_next(struct situ_objects *objects, const struct situ_object **ret_object,
                     struct situ_error *error)
{
    if (!objects || !ret_object) {
        return -EINVAL;
    }
    objects->unlisted = false;
    if (objects->position >= json_length(objects->list)) {
        if (!objects->more) {
            return 0;
        }
        int r = fetch_page(objects, error);
        if (r) {
            return r;
        }
        if (json_length(objects->list) == 0) {
            return 0;
        }
    }
    const struct json *node = json_element(objects->list, objects->position++);
    const char *key = json_get_string(json_member(node, "key"), NULL);
    if (!key) {
        return client_fail(error, SITU_PROTOCOL, "the array lists an object without a key");
    }
    int r = take_names(objects, node, key, error);
    if (r) {
        return r;
    }
    const struct json *fault = json_member(node, "error");
    if (fault) {
        objects->unlisted = true;
        return client_fail(error, reply_code(fault), "%.1000s: %.500s", objects->name.data,
                           reply_text(fault, "message"));
    }
    objects->object = (struct situ_object){
        .name = objects->name.data, .key = key, .size_bytes = reply_count(node, "size")};
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
        document_free(objects->page);
        buffer_done(&objects->after);
        buffer_done(&objects->name);
        buffer_done(&objects->raw_name);
        free(objects->store);
        free(objects->prefix);
        free(objects);
    }
}
