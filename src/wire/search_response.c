/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes the answer to a search.
 */
#include "wire/search_response.h"

#include <math.h>

#include "data/object_name.h"

void search_response_number(struct json_writer *w, const char *key, double value)
{
    if (value == 0) {
        json_put_integer(w, key, 0); /* also for -0.0 */
    } else if (isfinite(value)) {
        buffer_printf(json_put_raw(w, key), "%.6g", value);
    } else {
        json_put_null(w, key);
    }
}

void search_response_begin(struct search_response *response, bool list, struct buffer *out)
{
    *response = (struct search_response){.json = JSON_WRITER(out), .list = list};
    json_begin_object(&response->json, NULL);
    if (list) {
        json_begin_array(&response->json, "results");
    }
}

void search_response_open(struct search_response *response)
{
    struct json_writer *w = &response->json;
    if (response->list) {
        json_break_line(w);
        json_begin_object(w, NULL);
    }
    json_begin_array(w, "hits");
    response->hits = 0;
}

void search_response_hit(struct search_response *response, const struct search_hit *hit)
{
    struct json_writer *w = &response->json;
    json_begin_object(w, NULL);
    object_name_put(w, "object", hit->object);
    search_response_number(w, "score", hit->score);
    search_response_number(w, "distance", hit->distance);
    json_end_object(w);
    response->hits++;
}

void search_response_close(struct search_response *response)
{
    json_end_array(&response->json);
    if (response->list) {
        json_end_object(&response->json);
    }
}

void search_response_end(struct search_response *response, uint64_t damaged)
{
    struct json_writer *w = &response->json;
    if (response->list) {
        json_end_array(w);
    }
    if (damaged > 0) {
        json_put_unsigned(w, "damaged", damaged);
    }
    json_end_object(w);
    buffer_append_char(w->out, '\n');
}
