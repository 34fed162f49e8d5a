/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading the array's index objects. The array is not trusted: what is absent or of another type
 * reads as "" or 0.
 */
#include "client/index_object.h"

#include <stdlib.h>

#include "client/name_check.h"
#include "wire/index_request.h"

struct index {
    struct situ_index public; /* first, so that situ_index_free finds the rest */
    struct document document;
};

static uint64_t count_of(const struct json *object, const char *key)
{
    int64_t value = json_get_integer(json_member(object, key), 0);
    return value > 0 ? (uint64_t)value : 0;
}

static const char *text_of(const struct json *object, const char *key)
{
    return json_get_string(json_member(object, key), "");
}

void index_fill(struct situ_index *index, const struct json *node)
{
    const struct json *select = json_member(node, "select");
    const struct json *reason = json_member(node, "reason");
    const struct json *selected = json_member(node, "selected");
    const struct json *next = json_member(node, "next");
    const char *why = json_get_string(json_member(reason, "code"), NULL);
    *index = (struct situ_index){
        .name = text_of(node, "name"),
        .model = text_of(node, "model"),
        .version = text_of(node, "version"),
        .digest = text_of(node, "digest"),
        .store = text_of(select, "store"),
        .prefix = text_of(select, "prefix"),
        .glob = text_of(select, "glob"),
        .metric = text_of(node, "metric"),
        .interval_s = (uint32_t)count_of(node, "interval_s"),
        .dimension = (uint32_t)count_of(node, "dimension"),
        .state = text_of(node, "state"),
        .reason_code = why ? (int)client_code_parse(why) : SITU_OK,
        .reason = text_of(reason, "message"),
        .rows = count_of(node, "rows"),
        .selected_known = selected && json_type_of(selected) == JSON_TYPE_INTEGER,
        .selected = count_of(node, "selected"),
        .failed = count_of(node, "failed"),
        .damaged = count_of(node, "damaged"),
        .job = text_of(node, "job"),
        .size_bytes = count_of(node, "bytes"),
        .next_model = text_of(next, "model"),
        .next_version = text_of(next, "version"),
        .next_rows = count_of(next, "rows"),
        .next_selected = count_of(next, "selected"),
        .json = "",
    };
}

int index_target(struct buffer *target, const char *name, const char *tail,
                 struct situ_error *error)
{
    struct error reason;
    if (!name || index_request_check_name(name, &reason) < 0) {
        return client_fail(error, SITU_USAGE,
                           "index '%.100s': give a name of 1 to %u letters, digits, '.', '_' and "
                           "'-', no dot first",
                           name ? name : "", LIMIT_MODEL_NAME);
    }
    buffer_append_text(target, "/v1/indexes/");
    url_append(target, name, false);
    buffer_append_text(target, tail);
    return buffer_text(target) ? 0 : client_fail_memory(error);
}

int index_request_perform(struct situ *array, const struct request *request,
                          struct situ_index **ret_index, struct situ_error *error)
{
    struct index *index = calloc(1, sizeof *index);
    if (!index) {
        return client_fail_memory(error);
    }
    int r = document_request(&index->document, array, request, error);
    if (r == 0) {
        index_fill(&index->public, index->document.root);
        index->public.json = document_text(&index->document);
        if (!index->public.name[0]) {
            r = client_fail(error, SITU_PROTOCOL, "the array's index cannot be read");
        }
    }
    if (r == 0 && ret_index) {
        *ret_index = &index->public;
    } else {
        situ_index_free(&index->public);
    }
    return r;
}

void situ_index_free(struct situ_index *index)
{
    if (index) {
        struct index *whole = (struct index *)(void *)index;
        document_done(&whole->document);
        free(whole);
    }
}
