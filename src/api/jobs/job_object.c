/* SPDX-License-Identifier: Apache-2.0
 *
 * Jobs as JSON.
 */
#include "api/jobs/job_object.h"

#include <inttypes.h>
#include <time.h>

#include "base/json.h"
#include "data/object_name.h"

static void write_text(struct buffer *out, const char *name, const char *text)
{
    buffer_printf(out, "\"%s\":", name);
    json_write_string(out, text);
}

static void write_flag(struct buffer *out, const char *name, bool value)
{
    buffer_printf(out, ",\"%s\":%s", name, value ? "true" : "false");
}

static void write_count(struct buffer *out, const char *name, uint64_t value)
{
    buffer_printf(out, ",\"%s\":%" PRIu64, name, value);
}

/* Seconds since 1970 as RFC 3339 has them; null for 0. */
static void write_time(struct buffer *out, const char *name, int64_t seconds)
{
    char text[40] = "";
    time_t when = (time_t)seconds;
    struct tm parts;
    if (seconds == 0 || !gmtime_r(&when, &parts) ||
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0) {
        buffer_printf(out, ",\"%s\":null", name);
    } else {
        buffer_printf(out, ",\"%s\":\"%s\"", name, text);
    }
}

static void write_state(struct buffer *out, const struct job_info *info)
{
    buffer_printf(out, "\"state\":\"%s\",\"reason\":", job_state_name(info->state));
    if (info->reason.code == ERROR_NONE) {
        buffer_append_text(out, "null");
        return;
    }
    buffer_append_char(out, '{');
    write_text(out, "code", error_code_name(info->reason.code));
    buffer_append_char(out, ',');
    write_text(out, "message", info->reason.message);
    buffer_append_char(out, '}');
}

static void write_selected(struct buffer *out, const struct job_info *info)
{
    if (info->selected_known) {
        write_count(out, "selected", info->selected);
    } else {
        buffer_append_text(out, ",\"selected\":null");
    }
    left_out_write_json(out, &info->left_out);
}

/* What changes while a job runs. */
static void write_counts(struct buffer *out, const struct job_info *info)
{
    write_selected(out, info);
    write_count(out, "results", info->results);
    write_count(out, "failed", info->failed);
    write_count(out, "cached", info->cached);
    write_count(out, "bytes_read", info->bytes_read);
    if (info->gone > 0) {
        write_count(out, "gone", info->gone);
    }
    write_count(out, "pass", info->pass);
    write_flag(out, "idle", info->between_passes);
}

static void write_selection(struct buffer *out, const struct job_spec *spec)
{
    const char *comma = "";
    buffer_append_text(out, ",\"select\":{");
    if (spec->store) {
        write_text(out, "store", spec->store);
        comma = ",";
    }
    if (spec->has_keys) {
        buffer_printf(out, "%s\"keys\":true", comma);
    } else {
        bool encoded = !object_name_is_text(spec->prefix) || !object_name_is_text(spec->glob);
        buffer_printf(out, "%s\"prefix\":", comma);
        object_name_write_value(out, spec->prefix ? spec->prefix : "", encoded);
        if (spec->glob) {
            buffer_append_text(out, ",\"glob\":");
            object_name_write_value(out, spec->glob, encoded);
        }
        buffer_append_text(out, encoded ? ",\"encoded\":true" : "");
        select_rules_write_select(out, &spec->rules);
    }
    buffer_append_char(out, '}');
}

void job_write_json(struct buffer *out, const struct job_info *info)
{
    const struct job_spec *spec = &info->spec;
    buffer_append_char(out, '{');
    write_text(out, "id", spec->id);
    buffer_append_char(out, ',');
    write_text(out, "model", spec->model);
    buffer_append_char(out, ',');
    write_text(out, "version", spec->version);
    buffer_append_char(out, ',');
    write_text(out, "digest", spec->digest);
    write_selection(out, spec);
    write_count(out, "top", spec->top);
    buffer_printf(out, ",\"output\":{\"labels\":%s%s}", spec->labels ? "true" : "false",
                  spec->binary ? ",\"embedding\":\"base64\"" : "");
    write_count(out, "priority", spec->priority);
    if (spec->max_failures == UINT64_MAX) {
        buffer_append_text(out, ",\"max_failures\":null");
    } else {
        write_count(out, "max_failures", spec->max_failures);
    }
    write_flag(out, "cache", spec->cache);
    write_flag(out, "keep", spec->keep);
    write_flag(out, "standing", spec->standing);
    write_count(out, "interval_s", spec->interval_s);
    if (spec->token[0]) {
        buffer_append_char(out, ',');
        write_text(out, "token", spec->token);
    }
    buffer_append_char(out, ',');
    write_state(out, info);
    write_time(out, "created", spec->created_s);
    write_time(out, "finished", info->finished_s);
    write_counts(out, info);
    if (info->not_retried > 0) {
        write_count(out, "left_out", info->not_retried);
    }
    buffer_append_char(out, '}');
}

void job_write_job_line(struct buffer *out, const struct job_info *info)
{
    buffer_append_text(out, "{\"job\":");
    job_write_json(out, info);
    buffer_append_text(out, "}\n");
}

void job_write_progress_line(struct buffer *out, const struct job_info *info)
{
    buffer_append_text(out, "{\"progress\":{");
    write_state(out, info);
    write_counts(out, info);
    buffer_append_text(out, "}}\n");
}

void job_write_done_line(struct buffer *out, const struct job_info *info)
{
    buffer_append_text(out, "{\"done\":{");
    write_state(out, info);
    write_count(out, "objects", info->results);
    left_out_write_json(out, &info->left_out);
    write_count(out, "failed", info->failed);
    write_count(out, "cached", info->cached);
    write_count(out, "bytes_read", info->bytes_read);
    if (info->gone > 0) {
        write_count(out, "gone", info->gone);
    }
    buffer_append_text(out, "}}\n");
}

void job_write_more_line(struct buffer *out, uint64_t position)
{
    buffer_printf(out, "{\"more\":{\"after\":%" PRIu64 "}}\n", position);
}
