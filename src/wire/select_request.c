/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads the members of "select" that leave out objects.
 */
#include "wire/select_request.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "wire/member.h"

static int check_pattern(const char *pattern, size_t index, struct error *error)
{
    size_t size = pattern ? strlen(pattern) : 0;
    if (size == 0 || size > LIMIT_KEY_BYTES || strspn(pattern, "/") == size ||
        strchr(pattern, '\n')) {
        return error_set(
            error, ERROR_MALFORMED,
            "\"exclude\"[%zu] must be a pattern of 1 to %u bytes, such as \"*.tmp\" or "
            "\"@eaDir/\", without a line break",
            index, LIMIT_KEY_BYTES);
    }
    return 0;
}

static int read_exclude(const struct json *patterns, char **ret_lines, struct error *error)
{
    cleanup_buffer struct buffer lines = BUFFER_INIT;
    size_t count = json_length(patterns);
    if (count > LIMIT_EXCLUDE_PATTERNS) {
        return error_set(error, ERROR_TOO_LARGE, "\"exclude\" has more than %u patterns",
                         LIMIT_EXCLUDE_PATTERNS);
    }
    for (size_t i = 0; i < count; i++) {
        const char *pattern = json_get_string(json_element(patterns, i), NULL);
        int r = check_pattern(pattern, i, error);
        if (r < 0) {
            return r;
        }
        buffer_append_text(&lines, pattern);
        buffer_append_char(&lines, '\n');
    }
    const char *text = buffer_text(&lines);
    *ret_lines = text && count > 0 ? strdup(text) : NULL;
    return text && (count == 0 || *ret_lines) ? 0 : error_memory(error, NULL);
}

void select_request_read(struct member_reader *in, const struct json *select,
                         struct select_request *request)
{
    const struct json *patterns = member_get(in, select, "exclude", JSON_TYPE_ARRAY);
    if (patterns) {
        in->r = read_exclude(patterns, &request->exclude, in->error);
    }
    member_bool(in, select, "exclude_defaults", &request->exclude_defaults);
    member_bool(in, select, "sniff", &request->sniff);
}

void select_request_done(struct select_request *request)
{
    free(request->exclude);
    *request = (struct select_request){.exclude_defaults = false};
}
