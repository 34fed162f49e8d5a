/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading what a selection leaves out, and the calls that return it.
 */
#include "client/left_out.h"

#include <errno.h>
#include <string.h>

#include "client/reply.h"

static void add_suffix(struct situ_left_out *left_out, const char *suffix, uint64_t files)
{
    uint32_t at = 0;
    while (at < left_out->suffix_count && strcmp(left_out->suffixes[at].suffix, suffix) != 0) {
        at++;
    }
    if (at == SITU_SUFFIXES) {
        return;
    }
    struct situ_suffix *place = &left_out->suffixes[at];
    if (at == left_out->suffix_count) {
        left_out->suffix_count++;
        (void)stpcpy(place->suffix, suffix);
    }
    place->files += files;
    for (; at > 0 && left_out->suffixes[at - 1].files < left_out->suffixes[at].files; at--) {
        struct situ_suffix other = left_out->suffixes[at - 1];
        left_out->suffixes[at - 1] = left_out->suffixes[at];
        left_out->suffixes[at] = other;
    }
}

static int take_suffix(void *context, const char *key, const struct json *value)
{
    int64_t files = json_get_integer(value, 0);
    size_t size = strlen(key);
    if (files > 0 && size > 0 && size < sizeof(((struct situ_suffix *)NULL)->suffix) &&
        strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789") == size) {
        add_suffix(context, key, (uint64_t)files);
    }
    return 0;
}

void left_out_fill(struct situ_left_out *left_out, const struct json *node)
{
    *left_out = (struct situ_left_out){.struct_size = sizeof *left_out,
                                       .skipped = reply_count(node, "skipped"),
                                       .links = reply_count(node, "links"),
                                       .excluded = reply_count(node, "excluded"),
                                       .names = reply_count(node, "names")};
    (void)json_each_member(json_member(node, "skipped_suffixes"), take_suffix, left_out);
}

void left_out_add(struct situ_left_out *sum, const struct situ_left_out *more)
{
    sum->skipped += more->skipped;
    sum->links += more->links;
    sum->excluded += more->excluded;
    sum->names += more->names;
    for (uint32_t i = 0; i < more->suffix_count; i++) {
        add_suffix(sum, more->suffixes[i].suffix, more->suffixes[i].files);
    }
}

int left_out_copy(struct situ_left_out *ret_left_out, const struct situ_left_out *left_out)
{
    if (!ret_left_out || ret_left_out->struct_size < sizeof(size_t)) {
        return -EINVAL;
    }
    size_t size = ret_left_out->struct_size;
    memcpy(ret_left_out, left_out, size < sizeof *left_out ? size : sizeof *left_out);
    ret_left_out->struct_size = size;
    return 0;
}

/* From the text of a job or index. */
static int read_out(const char *words, struct situ_left_out *ret_left_out)
{
    cleanup_json struct json *root = NULL;
    struct situ_left_out left_out;
    if (json_parse(words, strlen(words), "object", &root, NULL) < 0) {
        return -ENOMEM; /* the text has been parsed before: only memory can be missing */
    }
    left_out_fill(&left_out, root);
    return left_out_copy(ret_left_out, &left_out);
}

int situ_job_left_out(const struct situ_job *job, struct situ_left_out *ret_left_out)
{
    return job ? read_out(job->json, ret_left_out) : -EINVAL;
}

int situ_index_left_out(const struct situ_index *index, struct situ_left_out *ret_left_out)
{
    return index ? read_out(index->json, ret_left_out) : -EINVAL;
}
