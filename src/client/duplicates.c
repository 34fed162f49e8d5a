/* SPDX-License-Identifier: Apache-2.0
 *
 * Groups of near-duplicates, read while the array finds them.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "client/index_object.h"
#include "client/lines.h"
#include "client/reply.h"
#include "client/url.h"

struct situ_groups {
    struct lines lines;
    struct situ_duplicates_options options;
    uint64_t looked_at;
    struct situ_duplicate *objects; /* owned; of the group given last */
    const char **raw_names; /* owned; their names' bytes, borrowed from the line or `names` */
    size_t capacity;        /* of both */
    struct pool names;      /* owned */
    struct situ_group group;
};

static int write_target(struct situ_groups *groups, const char *index, double min_score,
                        struct situ_error *error)
{
    struct buffer *target = &groups->lines.target;
    if (!isfinite(min_score)) {
        return client_fail(error, SITU_USAGE, "min_score is no finite number");
    }
    int r = index_target(target, index, "/duplicates", error);
    if (r) {
        return r;
    }
    r = url_append_real(target, "min_score", min_score, error);
    if (groups->options.progress) {
        url_append_query(target, "progress", "1");
    }
    return r;
}

static int begin(struct situ_groups *groups, struct situ *array, const char *index,
                 double min_score, struct situ_error *error)
{
    int r = lines_init(&groups->lines, array, error);
    if (r) {
        return r;
    }
    r = write_target(groups, index, min_score, error);
    if (r) {
        return r;
    }
    groups->lines.stream.on_wait = groups->options.on_wait;
    groups->lines.stream.context = groups->options.context;
    return lines_begin(&groups->lines, error);
}

/* The last two parameters are those of every call. */
int situ_duplicates(struct situ *array, const char *index, double min_score,
                    const struct situ_duplicates_options *options, struct situ_groups **ret_groups,
                    struct situ_error *error)
{
    if (ret_groups) {
        *ret_groups = NULL;
    }
    if (!array || !ret_groups) {
        return -EINVAL;
    }
    struct situ_groups *groups = calloc(1, sizeof *groups);
    if (!groups) {
        return client_fail_memory(error);
    }
    int r = client_options(&groups->options, sizeof groups->options, options, error);
    r = r ? r : begin(groups, array, index, min_score, error);
    if (r) {
        situ_groups_free(groups);
        return r;
    }
    *ret_groups = groups;
    return 0;
}

static int read_group(struct situ_groups *groups, const struct json *list, struct situ_error *error)
{
    size_t count = json_length(list);
    if (json_type_of(list) != JSON_TYPE_ARRAY || count == 0) {
        return client_fail(error, SITU_PROTOCOL, "the array gives a group that cannot be read");
    }
    if (count > groups->capacity) {
        struct situ_duplicate *more = reallocarray(groups->objects, count, sizeof *more);
        if (!more) {
            return client_fail_memory(error);
        }
        groups->objects = more;
        const char **names = reallocarray(groups->raw_names, count, sizeof *names);
        if (!names) {
            return client_fail_memory(error);
        }
        groups->raw_names = names;
        groups->capacity = count;
    }
    pool_done(&groups->names);
    for (size_t i = 0; i < count; i++) {
        const struct json *node = json_element(list, i);
        int r = reply_name(node, "object", &groups->names, &groups->raw_names[i], error);
        if (r) {
            return r;
        }
        groups->objects[i] = (struct situ_duplicate){
            .object = reply_text(node, "object"),
            .score = json_get_number(json_member(node, "score"), (double)NAN)};
    }
    groups->group = (struct situ_group){.objects = groups->objects, .count = count};
    return 1;
}

int situ_group_next(struct situ_groups *groups, const struct situ_group **ret_group,
                    struct situ_error *error)
{
    if (!groups || !ret_group) {
        return -EINVAL;
    }
    for (;;) {
        int r = lines_next(&groups->lines, error);
        const struct json *root = groups->lines.root;
        const struct json *told = json_member(root, r > 0 ? "progress" : "done");
        uint64_t looked_at = reply_count(told, "objects");
        groups->looked_at = looked_at > 0 ? looked_at : groups->looked_at;
        if (r <= 0) {
            return r;
        }
        const struct json *list = json_member(root, "group");
        if (list) {
            r = read_group(groups, list, error);
            *ret_group = &groups->group;
            return r;
        }
        if (told && groups->options.on_wait && groups->options.on_wait(groups->options.context)) {
            return client_fail(error, SITU_CANCELLED, "stopped by the caller");
        }
    }
}

const char *situ_group_raw_name(const struct situ_groups *groups, size_t index)
{
    return groups && index < groups->group.count ? groups->raw_names[index] : NULL;
}

uint64_t situ_groups_looked_at(const struct situ_groups *groups)
{
    return groups ? groups->looked_at : 0;
}

uint64_t situ_groups_damaged(const struct situ_groups *groups)
{
    return groups ? groups->lines.damaged : 0;
}

void situ_groups_free(struct situ_groups *groups)
{
    if (groups) {
        lines_done(&groups->lines);
        free(groups->objects);
        free(groups->raw_names);
        pool_done(&groups->names);
        free(groups);
    }
}
