/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading the array's index objects.
 */
#include "client/index_object.h"

#include "base/name.h"
#include "client/reply.h"
#include "client/url.h"
#include "wire/index_request.h"

void index_fill(struct situ_index *index, const struct json *node)
{
    const struct json *select = json_member(node, "select");
    const struct json *reason = json_member(node, "reason");
    const struct json *selected = json_member(node, "selected");
    const struct json *next = json_member(node, "next");
    *index = (struct situ_index){
        .name = reply_text(node, "name"),
        .model = reply_text(node, "model"),
        .version = reply_text(node, "version"),
        .digest = reply_text(node, "digest"),
        .store = reply_text(select, "store"),
        .prefix = reply_text(select, "prefix"),
        .glob = reply_text(select, "glob"),
        .metric = reply_text(node, "metric"),
        .interval_s = (uint32_t)reply_count(node, "interval_s"),
        .dimension = (uint32_t)reply_count(node, "dimension"),
        .state = reply_text(node, "state"),
        .reason_code = reply_reason(reason),
        .reason = reply_text(reason, "message"),
        .rows = reply_count(node, "rows"),
        .selected_known = selected && json_type_of(selected) == JSON_TYPE_INTEGER,
        .selected = reply_count(node, "selected"),
        .failed = reply_count(node, "failed"),
        .damaged = reply_count(node, "damaged"),
        .job = reply_text(node, "job"),
        .size_bytes = reply_count(node, "bytes"),
        .next_model = reply_text(next, "model"),
        .next_version = reply_text(next, "version"),
        .next_rows = reply_count(next, "rows"),
        .next_selected = reply_count(next, "selected"),
        .json = "",
    };
}

int index_name_check(const char *name, struct situ_error *error)
{
    if (name_check(name, "an index's name", NULL) == 0) {
        return 0;
    }
    return client_fail(error, SITU_USAGE,
                       "index '%.100s': give a name of 1 to %u letters, digits, '.', '_' and "
                       "'-', no dot first",
                       name ? name : "", LIMIT_MODEL_NAME);
}

int index_target(struct buffer *target, const char *name, const char *tail,
                 struct situ_error *error)
{
    int r = index_name_check(name, error);
    if (r) {
        return r;
    }
    buffer_append_text(target, "/v1/indexes/");
    url_append(target, name, false);
    buffer_append_text(target, tail);
    return 0;
}

static int fill(struct document *document, struct situ_error *error)
{
    struct situ_index *index = document_public(document);
    index_fill(index, document->root);
    index->json = document_text(document);
    return index->name[0] ? 0
                          : client_fail(error, SITU_PROTOCOL, "the array's index cannot be read");
}

int index_fetch(struct situ *array, const struct request *request, struct situ_index **ret_index,
                struct situ_error *error)
{
    static const struct document_form form = {sizeof(struct situ_index), fill};
    return document_fetch(array, request, &form, ret_index, error);
}

void situ_index_free(struct situ_index *index)
{
    document_free_public(index);
}
