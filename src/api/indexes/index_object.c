/* SPDX-License-Identifier: Apache-2.0
 *
 * Indexes as JSON.
 */
#include "api/indexes/index_object.h"

#include <inttypes.h>

#include "base/json.h"
#include "data/object_name.h"

/* null where there is no text. */
static void write_text(struct buffer *out, const char *name, const char *text)
{
    buffer_printf(out, "\"%s\":", name);
    if (text && text[0] != '\0') {
        json_write_string(out, text);
    } else {
        buffer_append_text(out, "null");
    }
}

static void write_count(struct buffer *out, const char *name, uint64_t value)
{
    buffer_printf(out, ",\"%s\":%" PRIu64, name, value);
}

static void write_selection(struct buffer *out, const struct retrieval_spec *spec)
{
    if (!spec->store) {
        buffer_append_text(out, ",\"select\":null");
        return;
    }
    buffer_append_text(out, ",\"select\":{\"store\":");
    json_write_string(out, spec->store);
    bool encoded = !object_name_is_text(spec->prefix) || !object_name_is_text(spec->glob);
    buffer_append_text(out, ",\"prefix\":");
    object_name_write_value(out, spec->prefix ? spec->prefix : "", encoded);
    buffer_append_text(out, ",\"glob\":");
    if (spec->glob && spec->glob[0] != '\0') {
        object_name_write_value(out, spec->glob, encoded);
    } else {
        buffer_append_text(out, "null");
    }
    buffer_append_text(out, encoded ? ",\"encoded\":true" : "");
    select_rules_write_select(out, &spec->rules);
    buffer_append_char(out, '}');
}

static void write_state(struct buffer *out, const struct retrieval_info *info)
{
    static const char *const names[] = {[RETRIEVAL_FILLING] = "filling",
                                        [RETRIEVAL_READY] = "ready",
                                        [RETRIEVAL_PAUSED] = "paused",
                                        [RETRIEVAL_FAILED] = "failed"};
    buffer_printf(out, ",\"state\":\"%s\",\"reason\":", names[info->state]);
    if (info->reason.code == ERROR_NONE) {
        buffer_append_text(out, "null");
        return;
    }
    buffer_printf(out, "{\"code\":\"%s\",\"message\":", error_code_name(info->reason.code));
    json_write_string(out, info->reason.message);
    buffer_append_char(out, '}');
}

static void write_rows(struct buffer *out, const struct retrieval_info *info)
{
    write_count(out, "rows", info->index.rows);
    if (info->selected_known) {
        write_count(out, "selected", info->selected);
    } else {
        buffer_append_text(out, ",\"selected\":null");
    }
    if (info->spec.store) {
        left_out_write_json(out, &info->left_out);
    }
    write_count(out, "failed", info->failed);
    write_count(out, "damaged", info->index.damaged);
}

static void write_next(struct buffer *out, const struct retrieval_info *info)
{
    buffer_append_text(out, ",\"next\":");
    if (!info->has_next) {
        buffer_append_text(out, "null");
        return;
    }
    buffer_append_char(out, '{');
    write_text(out, "model", info->next_model);
    buffer_append_char(out, ',');
    write_text(out, "version", info->next_version);
    write_count(out, "rows", info->next_rows);
    write_count(out, "selected", info->next_selected);
    buffer_append_char(out, '}');
}

void index_write_json(struct buffer *out, const struct retrieval_info *info)
{
    const struct retrieval_spec *spec = &info->spec;
    buffer_append_char(out, '{');
    write_text(out, "name", spec->name);
    buffer_append_char(out, ',');
    write_text(out, "model", spec->model);
    buffer_append_char(out, ',');
    write_text(out, "version", spec->version);
    buffer_append_char(out, ',');
    write_text(out, "digest", spec->digest);
    write_selection(out, spec);
    const char *metric = index_metric_name(spec->metric);
    buffer_printf(out, ",\"metric\":\"%s\",\"distanceMetric\":\"%s\"", metric, metric);
    write_count(out, "interval_s", spec->interval_s);
    if (info->dimension > 0) {
        write_count(out, "dimension", info->dimension);
    } else {
        buffer_append_text(out, ",\"dimension\":null");
    }
    write_state(out, info);
    write_rows(out, info);
    buffer_append_char(out, ',');
    write_text(out, "job", info->job);
    write_count(out, "bytes", info->index.rows_bytes + info->index.meta_bytes);
    write_count(out, "memory_bytes", info->index.memory_bytes);
    write_count(out, "generation", info->index.generation);
    write_next(out, info);
    buffer_append_char(out, '}');
}
