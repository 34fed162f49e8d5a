/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of users and groups of this machine: see peer_names.h. Main thread.
 */
#include "api/peer_names.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

enum { ROOM_LEAST = 4096, ROOM_MOST = 4 << 20 /* of a group with many members */ };

/* -ERANGE: there is not room enough; -ENOENT; 0 */
typedef int (*lookup)(const char *name, bool number, char *room, size_t size, uint32_t *ret_id,
                      char *ret_name, size_t name_size);

static int find_user(const char *name, bool number, char *room, size_t size, uint32_t *ret_id,
                     char *ret_name, size_t name_size)
{
    struct passwd entry;
    struct passwd *found = NULL;
    int r = number ? getpwuid_r((uid_t)*ret_id, &entry, room, size, &found)
                   : getpwnam_r(name, &entry, room, size, &found);
    if (!found) {
        return r == ERANGE ? -ERANGE : -ENOENT;
    }
    *ret_id = found->pw_uid;
    (void)snprintf(ret_name, name_size, "%s", found->pw_name);
    return 0;
}

static int find_group(const char *name, bool number, char *room, size_t size, uint32_t *ret_id,
                      char *ret_name, size_t name_size)
{
    struct group entry;
    struct group *found = NULL;
    int r = number ? getgrgid_r((gid_t)*ret_id, &entry, room, size, &found)
                   : getgrnam_r(name, &entry, room, size, &found);
    if (!found) {
        return r == ERANGE ? -ERANGE : -ENOENT;
    }
    *ret_id = found->gr_gid;
    (void)snprintf(ret_name, name_size, "%s", found->gr_name);
    return 0;
}

/* A name of digits is a number, which needs no entry. */
static bool read_number(const char *name, uint32_t *ret_id)
{
    if (strspn(name, "0123456789") != strlen(name)) {
        return false;
    }
    errno = 0;
    unsigned long long value = strtoull(name, NULL, 10);
    *ret_id = (uint32_t)value;
    return errno == 0 && value < UINT32_MAX; /* (uid_t)-1 is nobody's */
}

static bool find(lookup look, const char *name, uint32_t *ret_id, char *ret_name, size_t size)
{
    bool number = read_number(name, ret_id);
    int r = -ERANGE;
    for (size_t room = ROOM_LEAST; room <= ROOM_MOST && r == -ERANGE; room *= 4) {
        cleanup_free char *text = malloc(room);
        r = text ? look(name, number, text, room, ret_id, ret_name, size) : -ENOMEM;
    }
    if (r < 0 && number) {
        (void)snprintf(ret_name, size, "%u", *ret_id);
    }
    return r == 0 || number;
}

bool peer_names_user(const char *name, uint32_t *ret_id, char *ret_name, size_t size)
{
    return find(find_user, name, ret_id, ret_name, size);
}

int peer_names_identify(struct rights *rights, const char *path, struct error *error)
{
    const struct grant *grant = NULL;
    for (size_t i = 0; (grant = rights_at(rights, i)) != NULL; i++) {
        char name[256];
        char quoted[512];
        char file[512];
        uint32_t id = 0;
        bool user = grant->kind == GRANT_USER;
        if (grant->kind == GRANT_TOKEN) {
            continue;
        }
        if (!find(user ? find_user : find_group, grant->name, &id, name, sizeof name)) {
            log_event(LOG_LEVEL_WARNING, "rights_name_unknown", "file=%s line=%zu %s=%s",
                      log_quote(file, sizeof file, path), grant->line, user ? "user" : "group",
                      log_quote(quoted, sizeof quoted, grant->name));
            continue;
        }
        int r = rights_identify(rights, i, id, name, error);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}
