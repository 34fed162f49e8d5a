/* SPDX-License-Identifier: Apache-2.0
 *
 * Users of loopback addresses: see loopback_users.h.
 */
#include "api/loopback_users.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utmpx.h>

#include "api/peer.h"
#include "api/peer_names.h"
#include "base/log.h"

void loopback_users_init(struct loopback_users *users)
{
    *users = (struct loopback_users){.ids = NULL};
    (void)pthread_mutex_init(&users->lock, NULL);
}

void loopback_users_done(struct loopback_users *users)
{
    free(users->ids);
    (void)pthread_mutex_destroy(&users->lock);
}

/* Users that are being read. */
struct list {
    uint32_t *ids;
    size_t count;
};

static int add_user(struct list *list, const char *name, struct error *error)
{
    char known[256];
    char quoted[512];
    uint32_t id = 0;
    if (!peer_names_user(name, &id, known, sizeof known)) {
        log_event(LOG_LEVEL_WARNING, "rights_name_unknown", "setting=loopback_users user=%s",
                  log_quote(quoted, sizeof quoted, name));
        return 0;
    }
    uint32_t *ids = reallocarray(list->ids, list->count + 1, sizeof *ids);
    if (!ids) {
        return error_memory(error, NULL);
    }
    list->ids = ids;
    list->ids[list->count++] = id;
    return 0;
}

static int read_names(const char *names, struct list *list, struct error *error)
{
    static const char blanks[] = " \t,";
    char name[256];
    int r = 0;
    while (names && *names && r == 0) {
        names += strspn(names, blanks);
        size_t length = strcspn(names, blanks);
        (void)snprintf(name, sizeof name, "%.*s", (int)(length < 255 ? length : 255), names);
        r = length > 0 ? add_user(list, name, error) : 0;
        names += length;
    }
    return r;
}

int loopback_users_load(struct loopback_users *users, const char *names, struct error *error)
{
    struct list list = {0};
    if (!names && loopback_users_configured(users)) {
        return error_set(error, ERROR_MALFORMED,
                         "loopback_users was taken out of the configuration: addresses lose their "
                         "guard at a restart only");
    }
    int r = read_names(names, &list, error);
    if (r < 0) {
        free(list.ids);
        return r;
    }
    HOLD(&users->lock);
    free(users->ids);
    users->ids = list.ids;
    users->count = list.count;
    users->configured = names != NULL;
    return 0;
}

bool loopback_users_configured(struct loopback_users *users)
{
    HOLD(&users->lock);
    return users->configured;
}

bool loopback_users_have(struct loopback_users *users, uint32_t id)
{
    HOLD(&users->lock);
    for (size_t i = 0; i < users->count; i++) {
        if (users->ids[i] == id) {
            return true;
        }
    }
    return false;
}

/* ---- who is logged in ---- */

static bool is_other(const char *name, char *ret_name, size_t size)
{
    uint32_t id = 0;
    return *name && peer_names_user(name, &id, ret_name, size) && !peer_is_trusted(id);
}

/* NOLINTBEGIN(concurrency-mt-unsafe): only the main thread reads these */
static bool in_utmp(char *ret_name, size_t size)
{
    const struct utmpx *entry = NULL;
    bool found = false;
    setutxent();
    while (!found && (entry = getutxent()) != NULL) {
        char name[sizeof entry->ut_user + 1] = {0};
        memcpy(name, entry->ut_user, sizeof entry->ut_user);
        found = entry->ut_type == USER_PROCESS && is_other(name, ret_name, size);
    }
    endutxent();
    return found;
}

/* systemd-logind has a file for each user with a session, named by its number. */
static bool in_logind(char *ret_name, size_t size)
{
    DIR *directory = opendir("/run/systemd/users");
    const struct dirent *entry = NULL;
    bool found = false;
    while (directory && !found && (entry = readdir(directory)) != NULL) {
        bool number = strspn(entry->d_name, "0123456789") == strlen(entry->d_name);
        found = number && is_other(entry->d_name, ret_name, size);
    }
    if (directory) {
        (void)closedir(directory);
    }
    return found;
}
/* NOLINTEND(concurrency-mt-unsafe) */

bool loopback_users_others(char *ret_name, size_t size)
{
    return in_utmp(ret_name, size) || in_logind(ret_name, size);
}
