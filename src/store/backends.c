/* SPDX-License-Identifier: Apache-2.0
 *
 * The back ends, a row each. A build with -Dtest_backends=true has those of tests/backends, too.
 */
#include <string.h>

#include "store/backend.h"
#include "store/dir/dir.h"
#include "store/mem/mem.h"
#include "store/test_rows.h"

#define DECLARE(name) extern const struct store_backend name##_backend;
#define ROW(name) &name##_backend,

STORE_TEST_ROWS(DECLARE)

static const struct store_backend *const backends[] = {
    &dir_backend,
    &mem_backend,
    STORE_TEST_ROWS(ROW) NULL,
};

const struct store_backend *store_backend_at(size_t index)
{
    return backends[index];
}

const struct store_backend *store_backend_find(const char *name, size_t length)
{
    for (size_t i = 0; backends[i]; i++) {
        if (strlen(backends[i]->name) == length && memcmp(backends[i]->name, name, length) == 0) {
            return backends[i];
        }
    }
    return NULL;
}
