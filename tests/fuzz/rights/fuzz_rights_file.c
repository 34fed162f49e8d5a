/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the rights file's parser: whatever the file holds, a section has what rights.h says, and
 * no token but those whose digests it has gets in.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "rights/access.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct rights *rights, const struct grant *grant)
{
    struct access access;
    access_init(&access, (struct rights *)(uintptr_t)rights, grant->name);
    (void)access_add(&access, grant);
    for (size_t i = 0; i < grant->scope_count; i++) {
        const char *scope = grant->scopes[i];
        for (size_t j = 0; j < grant->scope_count; j++) { /* none is within another */
            size_t length = strlen(grant->scopes[j]);
            if (j != i && strncmp(scope, grant->scopes[j], length) == 0 &&
                (scope[length - (grant->scopes[j][length - 1] == '/')] == '/' || !scope[length])) {
                abort();
            }
        }
        if (grant->rights & RIGHT_INFER && scope[strlen(scope) - 1] == '/' &&
            access_object(&access, RIGHT_INFER, scope) != ACCESS_GRANTED) {
            abort();
        }
    }
    if (!grant->name[0] || (grant->rights & ~(uint32_t)RIGHTS_ALL)) {
        abort();
    }
    access_done(&access);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rights *rights = NULL;
    struct error error = {0};
    if (rights_parse((const char *)data, size, &rights, &error) < 0) {
        if (!error.message[0] || rights) {
            abort();
        }
        return 0;
    }
    if (!rights_at(rights, 0) || memchr(data, '\0', size) || rights_find_token(rights, "")) {
        abort();
    }
    for (size_t i = 0; rights_at(rights, i); i++) {
        const struct grant *grant = rights_at(rights, i);
        check(rights, grant);
        if (rights_plain_line(rights) == 0 &&
            rights_find(rights, grant->kind, grant->name) != grant) {
            abort();
        }
    }
    rights_unref(rights);
    return 0;
}
