/* SPDX-License-Identifier: Apache-2.0
 *
 * The job object of the protocol, byte for byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../jobs/sample_spec.h"
#include "api/jobs/job_object.h"

static void writes(const struct job_info *info, const char *expected)
{
    cleanup_buffer struct buffer out = BUFFER_INIT;
    job_put_json(&JSON_WRITER(&out), NULL, info);
    assert_string_equal(buffer_text(&out), expected);
}

static void a_job_over_a_store_has_its_selection(void **state)
{
    (void)state;
    char prefix[] = "2024/";
    struct job_info info = {.spec = sample_spec(prefix),
                            .state = JOB_RUNNING,
                            .selected_known = true,
                            .selected = 128,
                            .left_out = {.skipped = 2},
                            .results = 57,
                            .failed = 1,
                            .cached = 12,
                            .bytes_read = 6712345,
                            .pass = 1};
    info.spec.priority = 5;
    info.spec.max_failures = UINT64_MAX;
    writes(&info,
           "{\"id\":\"k3vq7xa2\",\"model\":\"squeezenet\",\"version\":\"1\","
           "\"digest\":\"82d7\",\"select\":{\"store\":\"photos\",\"prefix\":\"2024/\","
           "\"glob\":\"*.jpg\",\"exclude_defaults\":false},\"top\":5,\"output\":{\"labels\":"
           "true},\"priority\":5,"
           "\"max_failures\":null,\"cache\":true,\"keep\":true,\"standing\":false,"
           "\"interval_s\":60,\"token\":\"a-Token_1.2\",\"state\":\"running\",\"reason\":null,"
           "\"created\":\"2026-11-23T09:00:00Z\",\"finished\":null,\"selected\":128,"
           "\"skipped\":2,\"results\":57,\"failed\":1,\"cached\":12,\"bytes_read\":6712345,"
           "\"pass\":1,\"idle\":false}");
    char exclude[] = "*.tmp\nraw/\n";
    char defaults[] = "._*\n";
    info.spec.select.rules =
        (struct select_rules){.exclude = exclude, .defaults = defaults, .sniff = true};
    info.spec.binary = true;
    cleanup_buffer struct buffer out = BUFFER_INIT;
    job_put_json(&JSON_WRITER(&out), NULL, &info);
    assert_non_null(strstr(buffer_text(&out), "\"glob\":\"*.jpg\",\"exclude\":[\"*.tmp\",\"raw/\"],"
                                              "\"sniff\":true},"));
    assert_non_null(
        strstr(buffer_text(&out), "\"output\":{\"labels\":true,\"embedding\":\"base64\"}"));
}

static void a_paused_job_over_a_list_says_why(void **state)
{
    (void)state;
    char none[] = "";
    const struct job_info info = {
        .spec = {.id = "aaaaaaaa", .has_keys = true, .select.prefix = none, .top = 1},
        .state = JOB_PAUSED,
        .reason = {ERROR_NO_SPACE, "full"},
        .left_out = {.skipped = 2},
        .results = 57,
        .failed = 1,
        .cached = 12,
        .bytes_read = UINT64_MAX,
        .gone = 3,
        .pass = 1,
        .between_passes = true,
        .finished_s = 1795424400,
        .not_retried = 4};
    writes(&info, "{\"id\":\"aaaaaaaa\",\"model\":\"\",\"version\":\"\",\"digest\":\"\","
                  "\"select\":{\"keys\":true},\"top\":1,\"output\":{\"labels\":false},"
                  "\"priority\":0,\"max_failures\":0,\"cache\":false,\"keep\":false,"
                  "\"standing\":false,\"interval_s\":0,\"state\":\"paused\","
                  "\"reason\":{\"code\":\"no_space\",\"message\":\"full\"},"
                  "\"created\":null,\"finished\":\"2026-11-23T09:00:00Z\","
                  "\"selected\":null,\"skipped\":2,\"results\":57,\"failed\":1,\"cached\":12,"
                  "\"bytes_read\":18446744073709551615,\"gone\":3,\"pass\":1,\"idle\":true,"
                  "\"left_out\":4}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_over_a_store_has_its_selection),
        cmocka_unit_test(a_paused_job_over_a_list_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
