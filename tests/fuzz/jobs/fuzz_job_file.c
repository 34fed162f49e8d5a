/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as job.json: it is refused with a message, or it is a job that can be shown to clients
 * as JSON.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/jobs/job_object.h"
#include "base/json.h"
#include "jobs/job_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
    if (!holds) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct job_file file;
    struct error error = {0};
    if (job_file_parse((const char *)data, size, &file, &error) < 0) {
        demand(error.code != ERROR_NONE && error.message[0] != '\0');
        return 0;
    }
    struct job_info info = {.state = file.state,
                            .reason = file.reason,
                            .selected_known = file.selected_known,
                            .selected = file.selected,
                            .left_out = file.left_out,
                            .finished_s = file.finished_s};
    demand(job_spec_copy(&file.spec, &info.spec) == 0);
    struct buffer out = BUFFER_INIT;
    struct json *root;
    job_put_json(&JSON_WRITER(&out), NULL, &info);
    demand(json_parse(out.data, out.size, "job", &root, NULL) == 0);
    demand(strcmp(json_get_string(json_member(root, "id"), ""), file.spec.id) == 0);
    json_free(root);
    buffer_done(&out);
    job_info_done(&info);
    job_file_done(&file);
    return 0;
}
