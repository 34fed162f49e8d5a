/* SPDX-License-Identifier: Apache-2.0
 *
 * Indexes as JSON.
 */
#include "api/indexes/index_object.h"

#include "base/json.h"

/* null where there is no text. */
static const char *text_or_null(const char *text)
{
    return text && text[0] != '\0' ? text : NULL;
}

static void put_selection(struct json_writer *w, const struct retrieval_spec *spec)
{
    if (!spec->select.store) {
        json_put_null(w, "select");
        return;
    }
    json_begin_object(w, "select");
    json_put_string(w, "store", spec->select.store);
    selection_put_select(w, &spec->select, true);
    json_end_object(w);
}

static void put_count_or_null(struct json_writer *w, const char *key, bool known, uint64_t value)
{
    if (known) {
        json_put_unsigned(w, key, value);
    } else {
        json_put_null(w, key);
    }
}

static void put_rows(struct json_writer *w, const struct retrieval_info *info)
{
    json_put_unsigned(w, "rows", info->index.rows);
    put_count_or_null(w, "selected", info->selected_known, info->selected);
    if (info->spec.select.store) {
        left_out_put_json(w, &info->left_out);
    }
    json_put_unsigned(w, "failed", info->failed);
    json_put_unsigned(w, "damaged", info->index.damaged);
}

static void put_next(struct json_writer *w, const struct retrieval_info *info)
{
    if (!info->has_next) {
        json_put_null(w, "next");
        return;
    }
    json_begin_object(w, "next");
    json_put_string(w, "model", text_or_null(info->next_model));
    json_put_string(w, "version", text_or_null(info->next_version));
    json_put_unsigned(w, "rows", info->next_rows);
    json_put_unsigned(w, "selected", info->next_selected);
    json_end_object(w);
}

void index_put_json(struct json_writer *w, const char *key, const struct retrieval_info *info)
{
    static const char *const states[] = {[RETRIEVAL_FILLING] = "filling",
                                         [RETRIEVAL_READY] = "ready",
                                         [RETRIEVAL_PAUSED] = "paused",
                                         [RETRIEVAL_FAILED] = "failed"};
    const struct retrieval_spec *spec = &info->spec;
    json_begin_object(w, key);
    json_put_string(w, "name", text_or_null(spec->name));
    json_put_string(w, "model", text_or_null(spec->model));
    json_put_string(w, "version", text_or_null(spec->version));
    json_put_string(w, "digest", text_or_null(spec->digest));
    put_selection(w, spec);
    json_put_string(w, "metric", index_metric_name(spec->metric));
    json_put_string(w, "distanceMetric", index_metric_name(spec->metric));
    json_put_unsigned(w, "interval_s", spec->interval_s);
    put_count_or_null(w, "dimension", info->dimension > 0, info->dimension);
    json_put_string(w, "state", states[info->state]);
    json_put_error(w, "reason", &info->reason);
    put_rows(w, info);
    json_put_string(w, "job", text_or_null(info->job));
    json_put_unsigned(w, "bytes", info->index.rows_bytes + info->index.meta_bytes);
    json_put_unsigned(w, "memory_bytes", info->index.memory_bytes);
    json_put_unsigned(w, "generation", info->index.generation);
    put_next(w, info);
    json_end_object(w);
}
