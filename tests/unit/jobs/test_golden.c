/* SPDX-License-Identifier: Apache-2.0
 *
 * The files of a job, byte for byte: job.json and the lines of its log.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../golden.h"
#include "base/whole_file.h"
#include "disk_fixture.h"
#include "jobs/job_file.h"
#include "jobs/job_record.h"
#include "sample_spec.h"

/* A log's line is a result object with a last member of facts. */
static void add(struct buffer *out, const char *object, const struct job_record_facts *facts)
{
    job_record_write(out, object, strlen(object), facts);
}

static void lines_keep_their_bytes(void **state)
{
    (void)state;
    cleanup_buffer struct buffer out = BUFFER_INIT;
    add(&out, "{\"object\":\"photos/a.jpg\",\"classes\":[{\"index\":0,\"score\":0.5}]}",
        &(struct job_record_facts){.bytes_read = 3712});
    add(&out, "{\"object\":\"photos/b.jpg\",\"embedding\":\"AAAAPw==\"}",
        &(struct job_record_facts){.cached = true,
                                   .pass = 2,
                                   .has_identity = true,
                                   .identity = identity_of_words((const uint64_t[]){
                                       1, 2, 4096, 1795424400000000001, 1795424400000000002})});
    add(&out, "{\"object\":\"photos/c.jpg\",\"gone\":true}", &(struct job_record_facts){.pass = 3});
    add(&out,
        "{\"object\":\"photos/caf%E9.jpg\",\"error\":{\"code\":\"malformed\",\"message\":\"x\"}}",
        &(struct job_record_facts){.flawed = true});
    golden_check_text("job-log.ndjson", out.data, out.size);
}

static void job_json_keeps_its_bytes(void **state)
{
    char prefix[] = "2024/";
    const struct job_file file = {
        .spec = sample_spec(prefix),
        .state = JOB_FAILED,
        .reason = {ERROR_CONFLICT, "more than 12 objects failed"},
        .failed_before = 1,
        .selected_known = true,
        .selected = 128,
        .finished_s = 1795424460,
    };
    struct error error = {0};
    struct disk_fixture *fixture = *state;
    cleanup_buffer struct buffer text = BUFFER_INIT;
    assert_int_equal(job_file_write(fixture->root, &file, &error), 0);
    assert_int_equal(whole_file_load(fixture->root, "job.json", 65536, &text, &error), 0);
    golden_check_text("job.json", text.data, text.size);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_keep_their_bytes),
        cmocka_unit_test_setup_teardown(job_json_keeps_its_bytes, disk_setup, disk_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
