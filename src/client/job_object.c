/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading the array's job objects.
 */
#include "client/job_object.h"

#include <string.h>

#include "client/reply.h"

void job_fill(struct situ_job *job, const struct json *node)
{
    const struct json *select = json_member(node, "select");
    const struct json *reason = json_member(node, "reason");
    const struct json *selected = json_member(node, "selected");
    *job = (struct situ_job){
        .id = reply_text(node, "id"),
        .model = reply_text(node, "model"),
        .version = reply_text(node, "version"),
        .digest = reply_text(node, "digest"),
        .store = reply_text(select, "store"),
        .prefix = reply_text(select, "prefix"),
        .glob = reply_text(select, "glob"),
        .by_name = reply_flag(select, "keys", false),
        .top = (uint32_t)reply_count(node, "top"),
        .labels = reply_flag(json_member(node, "output"), "labels", true),
        .priority = (uint32_t)reply_count(node, "priority"),
        .max_failures = json_get_integer(json_member(node, "max_failures"), -1),
        .cache = reply_flag(node, "cache", true),
        .keep = reply_flag(node, "keep", true),
        .standing = reply_flag(node, "standing", false),
        .interval_s = (uint32_t)reply_count(node, "interval_s"),
        .state = reply_text(node, "state"),
        .reason_code = reply_reason(reason),
        .reason = reply_text(reason, "message"),
        .created = reply_text(node, "created"),
        .finished = reply_text(node, "finished"),
        .selected_known = selected && json_type_of(selected) == JSON_TYPE_INTEGER,
        .selected = reply_count(node, "selected"),
        .skipped = reply_count(node, "skipped"),
        .results = reply_count(node, "results"),
        .failed = reply_count(node, "failed"),
        .cached = reply_count(node, "cached"),
        .bytes_read = reply_count(node, "bytes_read"),
        .pass = reply_count(node, "pass"),
        .idle = reply_flag(node, "idle", false),
        .json = "",
    };
}

int job_id_check(const char *id, struct situ_error *error)
{
    bool good = id && id[0] && strlen(id) <= JOB_ID_BYTES_MAX;
    for (const char *c = id; good && *c; c++) {
        good = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
               *c == '-' || *c == '_';
    }
    return good ? 0
                : client_fail(error, SITU_USAGE, "job '%.100s': give the id that it got",
                              id ? id : "");
}

static int fill(struct document *document, struct situ_error *error)
{
    struct situ_job *job = document_public(document);
    job_fill(job, document->root);
    job->json = document_text(document);
    return job_id_check(job->id, NULL)
               ? client_fail(error, SITU_PROTOCOL, "the array's job cannot be read")
               : 0;
}

int job_fetch(struct situ *array, const struct request *request, struct situ_job **ret_job,
              struct situ_error *error)
{
    static const struct document_form form = {sizeof(struct situ_job), fill};
    return document_fetch(array, request, &form, ret_job, error);
}

void situ_job_free(struct situ_job *job)
{
    document_free_public(job);
}

int job_remove(struct situ *array, const char *id, bool once, struct situ_error *error)
{
    cleanup_buffer struct buffer target = BUFFER_INIT;
    cleanup_buffer struct buffer answer = BUFFER_INIT;
    buffer_printf(&target, "/v1/jobs/%s", id);
    struct request request = request_of("DELETE", &target);
    request.once = once;
    return request_perform(array, &request, &answer, error);
}
