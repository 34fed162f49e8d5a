/* SPDX-License-Identifier: Apache-2.0
 *
 * Result lines of a malicious array: the library's result keeps the promises of situ.h, and written
 * as JSON it can be read again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "client/client_result.h"
#include "client/job_object.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds)
{
    if (!holds) {
        abort();
    }
}

static void look(const struct situ_result *result)
{
    require(result->object && result->message && result->classes && result->classes[0].label);
    for (size_t i = 0; i < result->class_count; i++) {
        require(result->classes[i].label != NULL);
    }
    for (size_t i = 0; i < result->output_count; i++) {
        const struct situ_tensor *tensor = &result->outputs[i];
        for (size_t k = 0; k <= tensor->count; k++) {
            (void)situ_tensor_value(tensor, k);
        }
    }
    char *text = NULL;
    struct json *root = NULL;
    struct error error;
    require(situ_result_json(result, &text) == 0 && text);
    require(json_parse(text, strlen(text), "written", &root, &error) == 0);
    json_free(root);
    free(text);
}

/* As the line of a job. */
static void look_at_job(const struct json *root)
{
    struct situ_job job;
    job_fill(&job, root);
    require(job.id && job.state && job.reason && job.store && job.prefix && job.glob);
    if (job_id_check(job.id, NULL) == 0) {
        require(job.id[0] && !strpbrk(job.id, "/?#%. "));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const labels[] = {"a", "b"};
    static const struct situ_label_table table = {.labels = labels, .count = 2, .json = ""};
    struct client_result held = {0};
    struct json *root = NULL;
    struct error error;
    struct situ_error fault;

    if (json_parse((const char *)data, size, "line", &root, &error) == 0) {
        look_at_job(root);
        if (client_result_take(&held, root, &table, &fault) == 0) {
            look(&held.result);
        }
    }
    client_result_done(&held);
    return 0;
}
