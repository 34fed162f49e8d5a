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

/* What is looked up: by `id` if it is a number, otherwise by name; and what is found. */
struct entry {
    bool number;
    uint32_t id;
    char name[256];
};

/* -ERANGE: `room` is too small; -ENOENT; 0 */
typedef int (*lookup)(const char *name, struct entry *entry, char *room, size_t size);

static int find_user(const char *name, struct entry *entry, char *room, size_t size)
{
    struct passwd user;
    struct passwd *found = NULL;
    int r = entry->number ? getpwuid_r((uid_t)entry->id, &user, room, size, &found)
                          : getpwnam_r(name, &user, room, size, &found);
    if (!found) {
        return r == ERANGE ? -ERANGE : -ENOENT;
    }
    entry->id = found->pw_uid;
    (void)snprintf(entry->name, sizeof entry->name, "%s", found->pw_name);
    return 0;
}

static int find_group(const char *name, struct entry *entry, char *room, size_t size)
{
    struct group group;
    struct group *found = NULL;
    int r = entry->number ? getgrgid_r((gid_t)entry->id, &group, room, size, &found)
                          : getgrnam_r(name, &group, room, size, &found);
    if (!found) {
        return r == ERANGE ? -ERANGE : -ENOENT;
    }
    entry->id = found->gr_gid;
    (void)snprintf(entry->name, sizeof entry->name, "%s", found->gr_name);
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

static bool find(lookup look, const char *name, struct entry *ret_entry)
{
    int r = -ERANGE;
    ret_entry->number = read_number(name, &ret_entry->id);
    for (size_t size = ROOM_LEAST; size <= ROOM_MOST && r == -ERANGE; size *= 4) {
        cleanup_free char *room = malloc(size);
        r = room ? look(name, ret_entry, room, size) : -ENOMEM;
    }
    if (r < 0 && ret_entry->number) {
        (void)snprintf(ret_entry->name, sizeof ret_entry->name, "%u", ret_entry->id);
    }
    return r == 0 || ret_entry->number;
}

bool peer_names_user(const char *name, uint32_t *ret_id, char *ret_name, size_t size)
{
    struct entry entry;
    if (!find(find_user, name, &entry)) {
        return false;
    }
    *ret_id = entry.id;
    (void)snprintf(ret_name, size, "%s", entry.name);
    return true;
}

int peer_names_identify(struct rights *rights, const char *path, struct error *error)
{
    const struct grant *grant = NULL;
    for (size_t i = 0; (grant = rights_at(rights, i)) != NULL; i++) {
        struct entry entry;
        char quoted[512];
        char file[512];
        bool user = grant->kind == GRANT_USER;
        if (grant->kind == GRANT_TOKEN) {
            continue;
        }
        if (!find(user ? find_user : find_group, grant->name, &entry)) {
            log_event(LOG_LEVEL_WARNING, "rights_name_unknown", "file=%s line=%zu %s=%s",
                      log_quote(file, sizeof file, path), grant->line, user ? "user" : "group",
                      log_quote(quoted, sizeof quoted, grant->name));
            continue;
        }
        int r = rights_identify(rights, i, entry.id, entry.name, error);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}
