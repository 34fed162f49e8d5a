/* SPDX-License-Identifier: Apache-2.0
 *
 * Matching exclusions. A listing of a million names matches each of them, so patterns without a
 * wildcard, or with one star at an end, are compared as text without a glob.
 */
#include "store/exclusion.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "store/glob.h"

const char exclusion_default[] = "._*\n"
                                 ".DS_Store\n"
                                 "@eaDir/\n"
                                 "#recycle/\n"
                                 "$RECYCLE.BIN/\n"
                                 ".Trash*/\n"
                                 ".thumbnails/\n"
                                 "__MACOSX/\n"
                                 "Thumbs.db\n"
                                 "*@SynoEAStream\n";

enum form { FORM_EQUAL, FORM_BEGIN, FORM_END, FORM_GLOB };

struct pattern {
    enum form form; /* all but FORM_GLOB are compared with the last component */
    bool directories;
    bool at_root;      /* one component, which matches at the store's root only */
    char *text;        /* owned; without slashes at its ends and without its star */
    size_t size;       /* of it */
    struct glob *glob; /* owned; FORM_GLOB only, otherwise NULL */
};

struct exclusion {
    size_t count;
    struct pattern patterns[];
};

static int no_memory(struct error *error)
{
    return error_memory(error, "patterns");
}

int exclusion_check(const char *pattern, struct error *error)
{
    size_t size = strnlen(pattern, LIMIT_KEY_BYTES + 1);
    if (size == 0 || size > LIMIT_KEY_BYTES) {
        return error_set(error, ERROR_MALFORMED,
                         "a pattern to be excluded has 1 to %u bytes; this one has %s",
                         LIMIT_KEY_BYTES, size == 0 ? "none" : "more");
    }
    if (strspn(pattern, "/") == size || memchr(pattern, '\n', size) || !utf8_valid(pattern, size)) {
        return error_set(error, ERROR_MALFORMED,
                         "a pattern to be excluded names a file or a directory, such as *.tmp or "
                         "@eaDir/, in UTF-8 and without a line break (? stands for a byte that is "
                         "not UTF-8)");
    }
    return 0;
}

/* How the text is compared; it has no slash at its ends. */
static enum form form_of(const char *text, size_t size)
{
    size_t wild = strcspn(text, "*?[\\/");
    if (wild == size) {
        return FORM_EQUAL;
    }
    if (text[wild] == '*' && wild == size - 1) {
        return FORM_BEGIN;
    }
    if (text[0] == '*' && size > 1 && strcspn(text + 1, "*?[\\/") == size - 1) {
        return FORM_END;
    }
    return FORM_GLOB;
}

static int compile(struct pattern *pattern, const char *line, size_t size, struct error *error)
{
    pattern->directories = line[size - 1] == '/';
    bool anchored = line[0] == '/';
    while (line[size - 1] == '/') { /* it has other characters: exclusion_check() */
        size--;
    }
    while (*line == '/') {
        line++;
        size--;
    }
    pattern->text = strndup(line, size);
    if (!pattern->text) {
        return no_memory(error);
    }
    pattern->at_root = anchored && !memchr(line, '/', size);
    pattern->form = form_of(pattern->text, size);
    if (pattern->form == FORM_GLOB) {
        return glob_new(pattern->text, &pattern->glob, error);
    }
    if (pattern->form == FORM_END) {
        memmove(pattern->text, pattern->text + 1, size);
    }
    pattern->size = pattern->form == FORM_EQUAL ? size : size - 1;
    return 0;
}

static size_t count_lines(const char *lines)
{
    size_t count = 0;
    for (const char *at = lines; at && *at; at += strcspn(at, "\n"), at += *at == '\n') {
        count++;
    }
    return count;
}

static int add_line(struct exclusion *exclusion, const char *at, size_t size, struct error *error)
{
    char *line = strndup(at, size);
    if (!line) {
        return no_memory(error);
    }
    int r = exclusion_check(line, error);
    r = r < 0 ? r : compile(&exclusion->patterns[exclusion->count++], line, size, error);
    free(line);
    return r;
}

static int add_lines(struct exclusion *exclusion, const char *lines, struct error *error)
{
    for (const char *at = lines; at && *at;) {
        size_t size = strcspn(at, "\n");
        int r = add_line(exclusion, at, size, error);
        if (r < 0) {
            return r;
        }
        at += size + (at[size] == '\n');
    }
    return 0;
}

int exclusion_new(const char *lines, const char *more_lines, struct exclusion **ret_exclusion,
                  struct error *error)
{
    size_t count = count_lines(lines);
    size_t more = count_lines(more_lines);
    *ret_exclusion = NULL;
    if (count > LIMIT_EXCLUDE_PATTERNS || more > LIMIT_EXCLUDE_PATTERNS) {
        return error_set(error, ERROR_MALFORMED, "more than %u patterns to be excluded",
                         LIMIT_EXCLUDE_PATTERNS);
    }
    if (count + more == 0) {
        return 0;
    }
    struct exclusion *exclusion =
        calloc(1, sizeof *exclusion + (count + more) * sizeof exclusion->patterns[0]);
    if (!exclusion) {
        return no_memory(error);
    }
    int r = add_lines(exclusion, lines, error);
    r = r < 0 ? r : add_lines(exclusion, more_lines, error);
    if (r < 0) {
        exclusion_free(exclusion);
        return r;
    }
    *ret_exclusion = exclusion;
    return 0;
}

void exclusion_free(struct exclusion *exclusion)
{
    for (size_t i = 0; exclusion && i < exclusion->count; i++) {
        free(exclusion->patterns[i].text);
        glob_free(exclusion->patterns[i].glob);
    }
    free(exclusion);
}

static bool is_match(const struct pattern *pattern, const char *key, const char *name, size_t size)
{
    if (pattern->at_root && name != key) {
        return false;
    }
    switch (pattern->form) {
    case FORM_EQUAL:
        return size == pattern->size && memcmp(name, pattern->text, size) == 0;
    case FORM_BEGIN:
        return size >= pattern->size && memcmp(name, pattern->text, pattern->size) == 0;
    case FORM_END:
        return size >= pattern->size &&
               memcmp(name + size - pattern->size, pattern->text, pattern->size) == 0;
    default:
        return glob_match(pattern->glob, key);
    }
}

bool exclusion_covers(const struct exclusion *exclusion, const char *key, bool directory)
{
    if (!exclusion) {
        return false;
    }
    const char *slash = strrchr(key, '/');
    const char *name = slash ? slash + 1 : key;
    size_t size = strlen(name);
    for (size_t i = 0; i < exclusion->count; i++) {
        const struct pattern *pattern = &exclusion->patterns[i];
        if ((directory || !pattern->directories) && is_match(pattern, key, name, size)) {
            return true;
        }
    }
    return false;
}

size_t exclusion_cut(const struct exclusion *exclusion, const char *key, size_t from)
{
    char path[LIMIT_NAME_BYTES + 1];
    size_t size = strlen(key);
    if (!exclusion || size > LIMIT_NAME_BYTES) {
        return 0;
    }
    memcpy(path, key, size + 1);
    for (char *slash = strchr(path + (from < size ? from : size), '/'); slash;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (exclusion_covers(exclusion, path, true)) {
            return (size_t)(slash - path);
        }
        *slash = '/';
    }
    return exclusion_covers(exclusion, path, false) ? size : 0;
}
