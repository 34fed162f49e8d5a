/* SPDX-License-Identifier: Apache-2.0
 *
 * What selections leave out, for people.
 */
#include "cli/left_out.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/figures.h"

enum { SUFFIXES_SHOWN = 12 };

bool left_out_any(const struct situ_left_out *left_out)
{
    return left_out->skipped > 0 || left_out->links > 0 || left_out->excluded > 0 ||
           left_out->names > 0;
}

bool left_out_is_more(const struct situ_left_out *left_out)
{
    return left_out->suffix_count > 0 || left_out->links > 0 || left_out->excluded > 0 ||
           left_out->names > 0;
}

/* The place of a suffix; SITU_SUFFIXES if there is no room. */
static uint32_t place_of(struct situ_left_out *sum, const char *suffix)
{
    uint32_t at = 0;
    while (at < sum->suffix_count && strcmp(sum->suffixes[at].suffix, suffix) != 0) {
        at++;
    }
    if (at == sum->suffix_count && at < SITU_SUFFIXES) {
        (void)snprintf(sum->suffixes[at].suffix, sizeof sum->suffixes[at].suffix, "%s", suffix);
        sum->suffixes[at].files = 0;
        sum->suffix_count++;
    }
    return at;
}

void left_out_gather(struct situ_left_out *sum, const struct situ_left_out *more)
{
    sum->skipped += more->skipped;
    sum->links += more->links;
    sum->excluded += more->excluded;
    sum->names += more->names;
    for (uint32_t i = 0; i < more->suffix_count; i++) {
        uint32_t at = place_of(sum, more->suffixes[i].suffix);
        if (at == SITU_SUFFIXES) {
            continue;
        }
        sum->suffixes[at].files += more->suffixes[i].files;
        for (; at > 0 && sum->suffixes[at - 1].files < sum->suffixes[at].files; at--) {
            struct situ_suffix other = sum->suffixes[at - 1];
            sum->suffixes[at - 1] = sum->suffixes[at];
            sum->suffixes[at] = other;
        }
    }
}

/* The text so far. */
struct text {
    char *buffer;
    size_t used; /* below LEFT_OUT_SIZE */
};

__attribute__((format(printf, 2, 3))) static void append(struct text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    /* The analyzer does not see that it was started. */
    // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized)
    int size = vsnprintf(text->buffer + text->used, LEFT_OUT_SIZE - text->used, format, arguments);
    va_end(arguments);
    size_t room = LEFT_OUT_SIZE - 1 - text->used;
    text->used += size < 0 ? 0 : (size_t)size < room ? (size_t)size : room;
}

static void append_skipped(struct text *text, const struct situ_left_out *left_out)
{
    char figure[FIGURE_SIZE];
    uint64_t named = 0;
    const char *before = ": ";
    append(text, "%s skipped", figure_count(figure, left_out->skipped));
    for (uint32_t i = 0; i < left_out->suffix_count && i < SUFFIXES_SHOWN; i++) {
        const struct situ_suffix *suffix = &left_out->suffixes[i];
        append(text, "%s%s .%s", before, figure_count(figure, suffix->files), suffix->suffix);
        named += suffix->files;
        before = ", ";
    }
    if (named > 0 && named < left_out->skipped) {
        append(text, ", %s others", figure_count(figure, left_out->skipped - named));
    }
}

static void append_count(struct text *text, uint64_t count, const char *one, const char *many)
{
    char figure[FIGURE_SIZE];
    if (count > 0) {
        append(text, "%s%s %s", text->used > 0 ? "; " : "", figure_count(figure, count),
               count == 1 ? one : many);
    }
}

const char *left_out_text(char buffer[LEFT_OUT_SIZE], const struct situ_left_out *left_out)
{
    struct text text = {.buffer = buffer};
    buffer[0] = '\0';
    if (left_out->skipped > 0) {
        append_skipped(&text, left_out);
    }
    append_count(&text, left_out->excluded, "excluded", "excluded");
    append_count(&text, left_out->links, "symbolic link not followed",
                 "symbolic links not followed");
    append_count(&text, left_out->names, "name too long", "names too long");
    return buffer;
}
