/* SPDX-License-Identifier: Apache-2.0
 *
 * Jobs as JSON.
 */
#include "api/jobs/job_object.h"

#include "base/json.h"

static void put_state(struct json_writer *w, const struct job_info *info)
{
    json_put_string(w, "state", job_state_name(info->state));
    json_put_error(w, "reason", &info->reason);
}

static void put_gone(struct json_writer *w, const struct job_info *info)
{
    if (info->gone > 0) {
        json_put_unsigned(w, "gone", info->gone);
    }
}

/* What changes while a job runs. */
static void put_counts(struct json_writer *w, const struct job_info *info)
{
    if (info->selected_known) {
        json_put_unsigned(w, "selected", info->selected);
    } else {
        json_put_null(w, "selected");
    }
    left_out_put_json(w, &info->left_out);
    json_put_unsigned(w, "results", info->results);
    json_put_unsigned(w, "failed", info->failed);
    json_put_unsigned(w, "cached", info->cached);
    json_put_unsigned(w, "bytes_read", info->bytes_read);
    put_gone(w, info);
    json_put_unsigned(w, "pass", info->pass);
    json_put_bool(w, "idle", info->between_passes);
}

static void put_selection(struct json_writer *w, const struct job_spec *spec)
{
    json_begin_object(w, "select");
    if (spec->select.store) {
        json_put_string(w, "store", spec->select.store);
    }
    if (spec->has_keys) {
        json_put_bool(w, "keys", true);
    } else {
        selection_put_select(w, &spec->select, false);
    }
    json_end_object(w);
}

static void put_spec(struct json_writer *w, const struct job_spec *spec)
{
    json_put_string(w, "id", spec->id);
    if (spec->owner[0]) {
        json_put_string(w, "owner", spec->owner);
    }
    json_put_string(w, "model", spec->model);
    json_put_string(w, "version", spec->version);
    json_put_string(w, "digest", spec->digest);
    put_selection(w, spec);
    json_put_unsigned(w, "top", spec->top);
    json_begin_object(w, "output");
    json_put_bool(w, "labels", spec->labels);
    if (spec->binary) {
        json_put_string(w, "embedding", "base64");
    }
    json_end_object(w);
    json_put_unsigned(w, "priority", spec->priority);
    if (spec->max_failures == UINT64_MAX) {
        json_put_null(w, "max_failures");
    } else {
        json_put_unsigned(w, "max_failures", spec->max_failures);
    }
    json_put_bool(w, "cache", spec->cache);
    json_put_bool(w, "keep", spec->keep);
    json_put_bool(w, "standing", spec->standing);
    json_put_unsigned(w, "interval_s", spec->interval_s);
    if (spec->token[0]) {
        json_put_string(w, "token", spec->token);
    }
}

void job_put_json(struct json_writer *w, const char *key, const struct job_info *info)
{
    json_begin_object(w, key);
    put_spec(w, &info->spec);
    put_state(w, info);
    json_put_time(w, "created", info->spec.created_s);
    json_put_time(w, "finished", info->finished_s);
    put_counts(w, info);
    if (info->not_retried > 0) {
        json_put_unsigned(w, "left_out", info->not_retried);
    }
    json_end_object(w);
}

void job_write_job_line(struct buffer *out, const struct job_info *info)
{
    struct json_writer w = JSON_WRITER(out);
    json_begin_object(&w, NULL);
    job_put_json(&w, "job", info);
    json_end_object(&w);
    buffer_append_char(out, '\n');
}

/* A line is an object with one member, which is an object. */
static struct json_writer begin_line(struct buffer *out, const char *key)
{
    struct json_writer w = JSON_WRITER(out);
    json_begin_object(&w, NULL);
    json_begin_object(&w, key);
    return w;
}

static void end_line(struct json_writer *w)
{
    json_end_object(w);
    json_end_object(w);
    buffer_append_char(w->out, '\n');
}

void job_write_progress_line(struct buffer *out, const struct job_info *info)
{
    struct json_writer w = begin_line(out, "progress");
    put_state(&w, info);
    put_counts(&w, info);
    end_line(&w);
}

void job_write_done_line(struct buffer *out, const struct job_info *info)
{
    struct json_writer w = begin_line(out, "done");
    put_state(&w, info);
    json_put_unsigned(&w, "objects", info->results);
    left_out_put_json(&w, &info->left_out);
    json_put_unsigned(&w, "failed", info->failed);
    json_put_unsigned(&w, "cached", info->cached);
    json_put_unsigned(&w, "bytes_read", info->bytes_read);
    put_gone(&w, info);
    end_line(&w);
}

void job_write_more_line(struct buffer *out, uint64_t position)
{
    struct json_writer w = begin_line(out, "more");
    json_put_unsigned(&w, "after", position);
    end_line(&w);
}
