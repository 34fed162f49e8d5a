/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing the answer to a search.
 */
#include "wire/search_response.h"

#include <inttypes.h>
#include <math.h>

#include "data/object_name.h"

void search_response_number(struct buffer *out, double value)
{
    if (value == 0) {
        buffer_append_char(out, '0'); /* also for the one with a sign */
    } else if (isfinite(value)) {
        buffer_printf(out, "%.6g", value);
    } else {
        buffer_append_text(out, "null");
    }
}

void search_response_begin(struct search_response *response, bool list, struct buffer *out)
{
    *response = (struct search_response){.out = out, .list = list};
    buffer_append_text(out, list ? "{\"results\":[" : "{");
}

void search_response_open(struct search_response *response)
{
    if (response->list) {
        buffer_append_text(response->out, response->queries > 0 ? ",\n{" : "{");
    }
    buffer_append_text(response->out, "\"hits\":[");
    response->queries++;
    response->hits = 0;
}

void search_response_hit(struct search_response *response, const struct search_hit *hit)
{
    struct buffer *out = response->out;
    buffer_append_text(out, response->hits > 0 ? ",{" : "{");
    object_name_write(out, "object", hit->object);
    buffer_append_text(out, ",\"score\":");
    search_response_number(out, hit->score);
    buffer_append_text(out, ",\"distance\":");
    search_response_number(out, hit->distance);
    buffer_append_char(out, '}');
    response->hits++;
}

void search_response_close(struct search_response *response)
{
    buffer_append_text(response->out, response->list ? "]}" : "]");
}

void search_response_end(struct search_response *response, uint64_t damaged)
{
    if (response->list) {
        buffer_append_char(response->out, ']');
    }
    if (damaged > 0) {
        buffer_printf(response->out, ",\"damaged\":%" PRIu64, damaged);
    }
    buffer_append_text(response->out, "}\n");
}
