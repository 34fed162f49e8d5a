/* SPDX-License-Identifier: Apache-2.0
 *
 * A selection as a value and in files: see selection.h.
 */
#include "store/selection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/text.h"
#include "data/object_name.h"

void selection_done(struct selection *selection)
{
    free(selection->store);
    free(selection->prefix);
    free(selection->glob);
    select_rules_done(&selection->rules);
    *selection = (struct selection){.store = NULL};
}

int selection_make(const char *store, const char *prefix, const char *glob,
                   struct selection *ret_selection)
{
    struct selection made = {.store = NULL};
    if (text_copy(store, &made.store) < 0 || text_copy(prefix, &made.prefix) < 0 ||
        text_copy(glob, &made.glob) < 0) {
        selection_done(&made);
        return -ENOMEM;
    }
    *ret_selection = made;
    return 0;
}

int selection_copy(const struct selection *selection, struct selection *ret_copy)
{
    struct selection copy;
    int r = selection_make(selection->store, selection->prefix, selection->glob, &copy);
    if (r < 0) {
        return r;
    }
    r = select_rules_copy(&selection->rules, &copy.rules);
    if (r < 0) {
        selection_done(&copy);
        return r;
    }
    *ret_copy = copy;
    return 0;
}

bool selection_is_same(const struct selection *a, const struct selection *b)
{
    return text_is_same(a->store, b->store) && text_is_same(a->prefix, b->prefix) &&
           text_is_same(a->glob, b->glob) && select_rules_are_same(&a->rules, &b->rules);
}

/* ---- JSON ---- */

static bool is_encoded(const struct selection *selection)
{
    return !object_name_is_text(selection->prefix) || !object_name_is_text(selection->glob);
}

static void put_name(struct json_writer *w, const char *member, const char *name, bool encoded)
{
    if (name) {
        object_name_put_value(w, member, name, encoded);
    } else {
        json_put_null(w, member);
    }
}

bool selection_put_file(struct json_writer *w, const struct selection *selection)
{
    bool encoded = is_encoded(selection);
    json_put_string(w, "store", selection->store);
    put_name(w, "prefix", selection->prefix, encoded);
    put_name(w, "glob", selection->glob, encoded);
    return encoded;
}

void selection_put_select(struct json_writer *w, const struct selection *selection, bool null_glob)
{
    bool encoded = is_encoded(selection);
    const char *glob = selection->glob;
    put_name(w, "prefix", selection->prefix ? selection->prefix : "", encoded);
    if (null_glob) {
        put_name(w, "glob", glob && glob[0] != '\0' ? glob : NULL, encoded);
    } else if (glob) {
        put_name(w, "glob", glob, encoded);
    }
    if (encoded) {
        json_put_bool(w, "encoded", true);
    }
    select_rules_put_select(w, &selection->rules);
}

/* A string or null. */
static int read_text(const struct json *node, bool encoded, char **ret_text)
{
    const char *text = json_get_string(node, NULL);
    if (node && json_type_of(node) == JSON_TYPE_NULL) {
        return 0;
    }
    if (!text || strlen(text) > (encoded ? 3 : 1) * (size_t)LIMIT_KEY_BYTES) {
        return -EINVAL;
    }
    *ret_text = strdup(text);
    if (!*ret_text) {
        return -ENOMEM;
    }
    return encoded && (object_name_decode(*ret_text) < 0 || strlen(*ret_text) > LIMIT_KEY_BYTES)
               ? -EINVAL
               : 0;
}

/* *ret_wrong is the member that is invalid. */
static int read_members(const struct json *object, struct selection *selection,
                        unsigned *ret_members, const char **ret_wrong)
{
    const struct json *mark = json_member(object, "encoded");
    bool encoded = json_get_bool(mark, false);
    const struct {
        const char *name;
        bool encoded;
        char **to;
    } texts[] = {{"store", false, &selection->store},
                 {"prefix", encoded, &selection->prefix},
                 {"glob", encoded, &selection->glob}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        *ret_wrong = texts[i].name;
        int r = read_text(json_member(object, texts[i].name), texts[i].encoded, texts[i].to);
        if (r < 0) {
            return r;
        }
    }
    *ret_wrong = "encoded";
    if (mark && json_type_of(mark) != JSON_TYPE_BOOL) {
        return -EINVAL;
    }
    *ret_wrong = "exclude";
    int r = select_rules_read_file(object, &selection->rules, ret_members);
    *ret_members += mark ? 1 : 0;
    return r;
}

int selection_read_file(const struct json *object, const char *file,
                        struct selection *ret_selection, unsigned *ret_members, struct error *error)
{
    struct selection selection = {.store = NULL};
    const char *wrong = NULL;
    int r = read_members(object, &selection, ret_members, &wrong);
    if (r < 0) {
        selection_done(&selection);
        return r == -ENOMEM ? error_memory(error, file)
                            : error_set(error, ERROR_MALFORMED, "%s: '%s' has an invalid value",
                                        file, wrong);
    }
    *ret_selection = selection;
    return 0;
}
