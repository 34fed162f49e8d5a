/* SPDX-License-Identifier: Apache-2.0
 *
 * Stores and their objects: lists them, and detaches and attaches stores.
 */
#include <stdlib.h>
#include <string.h>

#include "api/route.h"
#include "base/json.h"
#include "data/object_name.h"
#include "rights/reach.h"
#include "store/exclusion.h"
#include "store/list_below.h"
#include "store/place.h"

static void list_stores(struct call *call)
{
    struct stores *stores = call->service->stores;
    const char *name = NULL;
    struct store *store = NULL;
    cleanup_buffer struct buffer body = BUFFER_INIT;
    struct json_writer w = JSON_WRITER(&body);
    json_begin_object(&w, NULL);
    json_begin_array(&w, "stores");
    for (size_t i = 0; stores_at(stores, i, &name, &store); i++) {
        if (store && access_knows_store(&call->access, name)) {
            stores_put_json(&w, &call->access, name, store);
        }
    }
    json_end_array(&w);
    json_end_object(&w);
    buffer_append_char(&body, '\n');
    call_respond_json(call, 200, &body);
}

/* Answers with the current state of the store. */
static void respond_store(struct call *call, struct store *store)
{
    cleanup_buffer struct buffer body = BUFFER_INIT;
    stores_put_json(&JSON_WRITER(&body), &call->access, call->captures[0], store);
    buffer_append_char(&body, '\n');
    call_respond_json(call, 200, &body);
}

static bool flag(const struct call *call, const char *name)
{
    const char *value = http_request_query(call->request, name);
    return value && strcmp(value, "0") != 0;
}

/* The error of a directory that cannot be listed. */
static void put_fault(struct json_writer *w, int errnum)
{
    char text[128];
    struct error fault;
    (void)error_set(&fault, ERROR_UNREADABLE, "the directory cannot be listed: %s",
                    error_text(errnum, text, sizeof text));
    json_put_error(w, "error", &fault);
}

static void write_page(struct buffer *body, const struct store_page *page, bool sizes)
{
    struct json_writer w = JSON_WRITER(body);
    json_begin_object(&w, NULL);
    json_begin_array(&w, "objects");
    for (size_t i = 0; i < page->count; i++) {
        json_begin_object(&w, NULL);
        object_name_put(&w, "key", page->entries[i].key);
        if (page->entries[i].errnum != 0) {
            put_fault(&w, page->entries[i].errnum);
        } else if (sizes) {
            json_put_unsigned(&w, "size", page->entries[i].size_bytes);
        }
        json_end_object(&w);
    }
    struct left_out left_out = left_out_of(&page->left_out);
    json_end_array(&w);
    json_put_bool(&w, "more", page->more);
    left_out_put_json(&w, &left_out);
    json_end_object(&w);
    buffer_append_char(body, '\n');
}

/* The prefixes as those of keys, without the store's name; the caller frees the list. */
static const char **keys_of(const struct reach *reach, size_t skip)
{
    const char **keys = calloc(reach->count + 1, sizeof *keys);
    for (size_t i = 0; i < reach->count && keys; i++) {
        keys[i] = reach->prefixes[i] + skip;
    }
    return keys;
}

/* Lists what the caller has the right for. Where it knows of nothing below the prefix, it gets the
 * page of one that no key has. */
static int list_known(const struct call *call, struct store *store,
                      const struct store_list_query *query, struct store_page *ret_page,
                      struct error *error)
{
    const char *name = call->captures[0];
    cleanup_buffer struct buffer within = BUFFER_INIT;
    cleanup_by(reach_done) struct reach reach = {.count = 0};
    buffer_printf(&within, "%s/%s", name, query->prefix);
    const char *text = buffer_text(&within);
    if (!text || reach_make(&call->access, RIGHT_LIST, text, &reach) < 0) {
        return error_memory(error, NULL);
    }
    if (reach.count == 0 && access_knows_prefix(&call->access, name, query->prefix)) {
        return error_set(error, ERROR_FORBIDDEN,
                         "your rights do not include 'list' for objects with this prefix");
    }
    const char **keys = keys_of(&reach, strlen(name) + 1);
    int r = keys ? store_list_below(store, query, keys, reach.count, ret_page, error)
                 : error_memory(error, NULL);
    free(keys);
    return r;
}

/* Omits what the store excludes, unless all objects are requested. */
static int list_page(const struct call *call, struct store *store, struct store_list_query *query,
                     struct store_page *ret_page, struct error *error)
{
    cleanup_free char *lines = NULL;
    struct exclusion *exclusion = NULL;
    const char *defaults = http_request_query(call->request, "exclude_defaults");
    bool all = !query->images_only || (defaults && strcmp(defaults, "0") == 0);
    int r = all ? 0 : stores_exclude(call->service->stores, call->captures[0], &lines, error);
    if (r < 0) {
        return r;
    }
    r = exclusion_new(lines, NULL, &exclusion, error);
    if (r < 0) {
        return r;
    }
    query->exclusion = exclusion;
    query->sniff = flag(call, "sniff");
    r = list_known(call, store, query, ret_page, error);
    query->exclusion = NULL;
    exclusion_free(exclusion);
    return r;
}

static void list_objects(struct call *call)
{
    struct error error = {0};
    struct store_page page = {0};
    size_t limit = 0;
    const char *prefix = http_request_query(call->request, "prefix");
    const char *after = http_request_query(call->request, "after");
    if (!call_query_number(call, "limit", 1, LIMIT_LIST_PAGE, LIMIT_LIST_PAGE, &limit)) {
        return;
    }
    struct store *store = stores_find_known(call->service->stores, &call->access, call->captures[0],
                                            strlen(call->captures[0]), &error);
    struct store_list_query query = {.prefix = prefix ? prefix : "",
                                     .after = after ? after : "",
                                     .limit = limit,
                                     .images_only = !flag(call, "all"),
                                     .sizes = flag(call, "sizes"),
                                     .unlisted = flag(call, "unlisted")};
    if (!store || list_page(call, store, &query, &page, &error) < 0) {
        call_respond_error(call, &error);
        return;
    }
    cleanup_buffer struct buffer body = BUFFER_INIT;
    write_page(&body, &page, query.sizes);
    store_page_done(&page);
    call_respond_json(call, 200, &body);
}

/* The store that the path names, of which the caller needs all. NULL after an answer. */
static struct store *find_whole(struct call *call)
{
    struct error error = {0};
    const char *name = call->captures[0];
    struct store *store =
        stores_find_known(call->service->stores, &call->access, name, strlen(name), &error);
    if (store && access_prefix(&call->access, RIGHT_ADMIN, name, "") != ACCESS_GRANTED) {
        (void)error_set(&error, ERROR_FORBIDDEN,
                        "your rights do not include '%s' for the whole store",
                        right_name(RIGHT_ADMIN));
        store = NULL;
    }
    if (!store) {
        call_respond_error(call, &error);
    }
    return store;
}

static void detach_store(struct call *call)
{
    struct error error = {0};
    struct store *store = find_whole(call);
    if (!store) {
        return;
    }
    if (place_detach(store, &error) < 0) {
        call_respond_error(call, &error);
        return;
    }
    respond_store(call, store);
}

static void attach_store(struct call *call)
{
    struct error error = {0};
    struct store *store = find_whole(call);
    if (!store) {
        return;
    }
    if (place_attach(store, flag(call, "empty"), &error) < 0) {
        call_respond_error(call, &error);
        return;
    }
    respond_store(call, store);
}

static const struct route routes[] = {
    {"GET", "/v1/stores", NULL, RIGHTS_OF_OBJECTS, TASK_NONE, list_stores},
    {"POST", "/v1/stores/*/detach", call_accept_control, RIGHT_ADMIN, TASK_CONTROL, detach_store},
    {"POST", "/v1/stores/*/attach", call_accept_control, RIGHT_ADMIN, TASK_CONTROL, attach_store},
    {"GET", "/v1/stores/*/objects", NULL, RIGHT_LIST, TASK_LISTING, list_objects},
};

const struct interface stores_interface = INTERFACE(routes);
