/* SPDX-License-Identifier: Apache-2.0
 *
 * What the selections of a handle exclude, stored as the members of its requests.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "client/connection.h"
#include "client/fail.h"
#include "client/name_check.h"

static int write_patterns(struct buffer *out, const struct situ_select_options *options,
                          struct situ_error *error)
{
    if (options->exclude_count > LIMIT_EXCLUDE_PATTERNS) {
        return client_fail(error, SITU_USAGE, "options: more than %u patterns in exclude",
                           LIMIT_EXCLUDE_PATTERNS);
    }
    for (size_t i = 0; i < options->exclude_count; i++) {
        const char *pattern = options->exclude ? options->exclude[i] : NULL;
        if (!pattern || !pattern[0] || !name_check_is_utf8(pattern)) {
            return client_fail(
                error, SITU_USAGE,
                "options: exclude has a pattern that is empty or not UTF-8 (? stands "
                "for a byte of a name that is not)");
        }
        buffer_append_text(out, i > 0 ? "," : ",\"exclude\":[");
        json_put_string(&JSON_WRITER(out), NULL, pattern);
    }
    buffer_append_text(out, options->exclude_count > 0 ? "]" : "");
    return 0;
}

int situ_select(struct situ *array, const struct situ_select_options *options,
                struct situ_error *error)
{
    struct situ_select_options known;
    cleanup_buffer struct buffer members = BUFFER_INIT;
    if (!array) {
        return -EINVAL;
    }
    int r = client_options(&known, sizeof known, options, error);
    if (r) {
        return r;
    }
    r = write_patterns(&members, &known, error);
    if (r) {
        return r;
    }
    buffer_append_text(&members, known.no_exclude_defaults ? ",\"exclude_defaults\":false" : "");
    buffer_append_text(&members, known.sniff ? ",\"sniff\":true" : "");
    const char *text = buffer_text(&members);
    char *copy = text ? strdup(text) : NULL;
    if (!copy) {
        return client_fail_memory(error);
    }
    free(array->select_members);
    array->select_members = copy;
    array->no_exclude_defaults = known.no_exclude_defaults != 0;
    array->sniff = known.sniff != 0;
    return 0;
}
