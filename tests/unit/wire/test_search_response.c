/* SPDX-License-Identifier: Apache-2.0
 *
 * The answer to a search, as clients read it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "wire/search_response.h"

static void one_query_is_answered_with_its_hits(void **state)
{
    (void)state;
    cleanup_buffer struct buffer out = BUFFER_INIT;
    struct search_response response;
    search_response_begin(&response, false, &out);
    search_response_open(&response);
    search_response_hit(&response, &(struct search_hit){"photos/a \"b\".jpg", 1, 0});
    search_response_hit(&response, &(struct search_hit){"photos/c.jpg", 0.87314159, -0.0});
    search_response_close(&response);
    search_response_end(&response, 0);
    assert_string_equal(buffer_text(&out),
                        "{\"hits\":[{\"object\":\"photos/a \\\"b\\\".jpg\",\"score\":1,"
                        "\"distance\":0},{\"object\":\"photos/c.jpg\",\"score\":0.873142,"
                        "\"distance\":0}]}\n");
}

static void a_list_is_answered_with_a_list(void **state)
{
    (void)state;
    cleanup_buffer struct buffer out = BUFFER_INIT;
    struct search_response response;
    search_response_begin(&response, true, &out);
    search_response_open(&response);
    search_response_close(&response);
    search_response_open(&response);
    search_response_hit(&response, &(struct search_hit){"p/x", -1.25e-9, 1e300});
    search_response_close(&response);
    search_response_end(&response, 3);
    assert_string_equal(buffer_text(&out),
                        "{\"results\":[{\"hits\":[]},\n{\"hits\":[{\"object\":\"p/x\","
                        "\"score\":-1.25e-09,\"distance\":1e+300}]}],\"damaged\":3}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_query_is_answered_with_its_hits),
        cmocka_unit_test(a_list_is_answered_with_a_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
