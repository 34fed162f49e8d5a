/* SPDX-License-Identifier: Apache-2.0
 *
 * Checking keys, and finding them in names of objects.
 */
#include "data/key.h"

#include <string.h>

#include "base/limits.h"

enum key_fault {
    KEY_FINE,
    KEY_EMPTY,
    KEY_LONG,
    KEY_ABSOLUTE,
    KEY_EMPTY_COMPONENT,
    KEY_DOT,
    KEY_DOTS,
    KEY_FAULT_COUNT
};

static enum key_fault component_fault(const char *component, size_t size)
{
    if (size == 0) {
        return KEY_EMPTY_COMPONENT;
    }
    if (component[0] != '.' || size > 2) {
        return KEY_FINE;
    }
    if (size == 1) {
        return KEY_DOT;
    }
    return component[1] == '.' ? KEY_DOTS : KEY_FINE;
}

static enum key_fault key_fault(const char *key)
{
    size_t size = strnlen(key, LIMIT_KEY_BYTES + 1);
    if (size == 0) {
        return KEY_EMPTY;
    }
    if (size > LIMIT_KEY_BYTES) {
        return KEY_LONG;
    }
    if (key[0] == '/') {
        return KEY_ABSOLUTE;
    }
    for (const char *component = key;;) {
        size_t length = strcspn(component, "/");
        enum key_fault fault = component_fault(component, length);
        if (fault != KEY_FINE) {
            return fault;
        }
        if (component[length] == '\0') {
            return KEY_FINE;
        }
        component += length + 1;
    }
}

int key_check(const char *key, struct error *error)
{
    static const char *const reasons[KEY_FAULT_COUNT] = {
        [KEY_EMPTY] = "it is empty",
        [KEY_LONG] = "it is longer than 1024 bytes",
        [KEY_ABSOLUTE] = "it is absolute; keys are relative to their store",
        [KEY_EMPTY_COMPONENT] = "it has an empty component",
        [KEY_DOT] = "it has a component '.'",
        [KEY_DOTS] = "it has a component '..'; a key cannot lead out of its store",
    };
    enum key_fault fault = key_fault(key);
    return fault == KEY_FINE ? 0
                             : error_set(error, ERROR_MALFORMED, "key '%s' is not accepted: %s",
                                         fault == KEY_LONG ? "..." : key, reasons[fault]);
}

const char *key_in_object(const char *object, size_t *ret_store_length)
{
    size_t length = strcspn(object, "/");
    *ret_store_length = length;
    return object[length] == '/' ? object + length + 1 : NULL;
}
