/* SPDX-License-Identifier: Apache-2.0
 *
 * Settings of stores, by the names that their back ends have.
 */
#include "store/settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "store/backend.h"

/* The index of a setting; -ENOENT. */
static int find(const struct store_settings *settings, const char *name)
{
    const char *const *names = settings->backend->settings;
    for (int i = 0; i < STORE_SETTINGS_MAX && names[i]; i++) {
        if (strcmp(names[i], name) == 0) {
            return i;
        }
    }
    return -ENOENT;
}

void store_settings_done(struct store_settings *settings)
{
    for (size_t i = 0; i < STORE_SETTINGS_MAX; i++) {
        free(settings->values[i]);
    }
    *settings = (struct store_settings){.backend = settings->backend};
}

int store_settings_read(const char *spec, struct store_settings *ret_settings, struct error *error)
{
    const char *colon = strchr(spec, ':');
    const struct store_backend *chosen =
        colon ? store_backend_find(spec, (size_t)(colon - spec)) : NULL;
    struct store_settings settings = {.backend = chosen ? chosen : store_backend_at(0)};
    const char *value = chosen ? colon + 1 : spec;
    const char *name = settings.backend->settings[0];
    if (!name && value[0] != '\0') {
        return error_set(error, ERROR_MALFORMED, "%.200s: a store of kind '%s' has no settings",
                         spec, settings.backend->name);
    }
    int r = name && value[0] != '\0' ? store_settings_set(&settings, name, value) : 0;
    if (r < 0) {
        return error_memory(error, NULL);
    }
    *ret_settings = settings;
    return 0;
}

int store_settings_choose(struct store_settings *settings, const char *kind, struct error *error)
{
    const struct store_backend *backend = store_backend_find(kind, strlen(kind));
    if (!backend) {
        return error_set(error, ERROR_MALFORMED, "there is no kind of store '%.80s'", kind);
    }
    for (size_t i = 0; i < STORE_SETTINGS_MAX; i++) {
        if (settings->values[i]) {
            return error_set(error, ERROR_MALFORMED, "the kind of a store comes before its %s",
                             settings->backend->settings[i]);
        }
    }
    settings->backend = backend;
    return 0;
}

int store_settings_set(struct store_settings *settings, const char *name, const char *value)
{
    int at = find(settings, name);
    if (at < 0) {
        return at;
    }
    if (settings->values[at]) {
        return -EEXIST;
    }
    settings->values[at] = strdup(value);
    return settings->values[at] ? 0 : -ENOMEM;
}

const char *store_settings_get(const struct store_settings *settings, const char *name)
{
    int at = find(settings, name);
    return at < 0 ? NULL : settings->values[at];
}

int store_settings_copy(const struct store_settings *settings, struct store_settings *ret_copy)
{
    struct store_settings copy = {.backend = settings->backend};
    for (size_t i = 0; i < STORE_SETTINGS_MAX; i++) {
        if (text_copy(settings->values[i], &copy.values[i]) < 0) {
            store_settings_done(&copy);
            return -ENOMEM;
        }
    }
    *ret_copy = copy;
    return 0;
}

bool store_settings_are_same(const struct store_settings *a, const struct store_settings *b)
{
    if (a->backend != b->backend) {
        return false;
    }
    for (size_t i = 0; i < STORE_SETTINGS_MAX; i++) {
        const char *left = a->values[i];
        const char *right = b->values[i];
        if (!left != !right || (left && right && strcmp(left, right) != 0)) {
            return false;
        }
    }
    return true;
}

char *store_settings_spec(const struct store_settings *settings)
{
    const char *value = settings->values[0] ? settings->values[0] : "";
    char *spec = NULL;
    if (settings->backend == store_backend_at(0)) {
        return strdup(value);
    }
    return asprintf(&spec, "%s:%s", settings->backend->name, value) < 0 ? NULL : spec;
}
