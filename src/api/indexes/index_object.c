/* SPDX-License-Identifier: Apache-2.0
 *
 * Indexes as JSON. Counts, sizes and the job are null for who may not see the whole index.
 */
#include "api/indexes/index_object.h"

#include "base/json.h"

/* null where there is no text. */
static const char *text_or_null(const char *text)
{
    return text && text[0] != '\0' ? text : NULL;
}

/* Patterns may name what the caller may not know of. */
static void put_selection(struct json_writer *w, const struct retrieval_spec *spec, bool whole)
{
    if (!spec->select.store) {
        json_put_null(w, "select");
        return;
    }
    const struct selection part = {.store = spec->select.store, .prefix = spec->select.prefix};
    json_begin_object(w, "select");
    json_put_string(w, "store", spec->select.store);
    selection_put_select(w, whole ? &spec->select : &part, true);
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
    bool whole = info->whole;
    put_count_or_null(w, "rows", whole, info->index.rows);
    put_count_or_null(w, "selected", whole && info->selected_known, info->selected);
    if (info->spec.select.store && whole) {
        left_out_put_json(w, &info->left_out);
    } else if (info->spec.select.store) {
        json_put_null(w, "skipped");
    }
    put_count_or_null(w, "failed", whole, info->failed);
    put_count_or_null(w, "damaged", whole, info->index.damaged);
}

/* The text may name objects, or the job. */
static void put_reason(struct json_writer *w, const struct retrieval_info *info)
{
    struct error reason = info->reason;
    if (!info->whole && reason.code != ERROR_NONE) {
        (void)error_set(&reason, reason.code,
                        "only who may see all objects of the index is told why");
    }
    json_put_error(w, "reason", &reason);
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
    put_count_or_null(w, "rows", info->whole, info->next_rows);
    put_count_or_null(w, "selected", info->whole, info->next_selected);
    json_end_object(w);
}

void index_put_json(struct json_writer *w, const char *key, const struct retrieval_info *info)
{
    static const char *const states[] = {[RETRIEVAL_FILLING] = "filling",
                                         [RETRIEVAL_READY] = "ready",
                                         [RETRIEVAL_PAUSED] = "paused",
                                         [RETRIEVAL_FAILED] = "failed"};
    const struct retrieval_spec *spec = &info->spec;
    bool whole = info->whole;
    json_begin_object(w, key);
    json_put_string(w, "name", text_or_null(spec->name));
    json_put_string(w, "model", text_or_null(spec->model));
    json_put_string(w, "version", text_or_null(spec->version));
    json_put_string(w, "digest", text_or_null(spec->digest));
    put_selection(w, spec, info->whole);
    json_put_string(w, "metric", index_metric_name(spec->metric));
    json_put_string(w, "distanceMetric", index_metric_name(spec->metric));
    json_put_unsigned(w, "interval_s", spec->interval_s);
    put_count_or_null(w, "dimension", info->dimension > 0, info->dimension);
    json_put_string(w, "state", states[info->state]);
    put_reason(w, info);
    put_rows(w, info);
    json_put_string(w, "job", whole ? text_or_null(info->job) : NULL);
    put_count_or_null(w, "bytes", whole, info->index.rows_bytes + info->index.meta_bytes);
    put_count_or_null(w, "memory_bytes", whole, info->index.memory_bytes);
    put_count_or_null(w, "generation", whole, info->index.generation);
    put_next(w, info);
    json_end_object(w);
}
