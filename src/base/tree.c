/* SPDX-License-Identifier: Apache-2.0
 *
 * Directory trees: see tree.h.
 */
#include "base/tree.h"

#include <ftw.h>
#include <stdio.h>

enum { OPEN_DIRECTORIES = 16 };

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    (void)remove(path);
    return 0;
}

void tree_remove(const char *path)
{
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): safe without FTW_CHDIR */
    (void)nftw(path, remove_entry, OPEN_DIRECTORIES, FTW_DEPTH | FTW_PHYS);
}
