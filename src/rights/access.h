/* SPDX-License-Identifier: Apache-2.0
 *
 * What one caller may do: the sections that apply to it. A right and a store are granted together,
 * by one section: `infer` on a/ and `list` on b/ make no `infer` on b/. Pure; constant once it is
 * made, then read by any thread.
 */
#ifndef SITU_RIGHTS_ACCESS_H
#define SITU_RIGHTS_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "rights/rights.h"

enum {
    ACCESS_GRANTS = 32, /* sections of a user: its own, and of its groups */
    ACCESS_NAME_SIZE = 80,
};

struct access {
    bool all;                  /* no rights are configured, or the caller is situd's own user */
    struct rights *generation; /* owned reference; NULL where `all` is set */
    const struct grant *grants[ACCESS_GRANTS];
    size_t grant_count;
    char name[ACCESS_NAME_SIZE]; /* "token:backup", "user:anna"; "" where `all` is set */
};

/* May do all. */
#define ACCESS_ALL ((struct access){.all = true})

/* A caller without sections, who may do nothing; takes a reference to `generation`. */
void access_init(struct access *access, struct rights *generation, const char *name);
/* False: there are ACCESS_GRANTS already. */
bool access_add(struct access *access, const struct grant *grant);
/* The access of a user of this machine: that of the user's section, and then those of the groups in
 * the order of the file, together at most ACCESS_GRANTS. `groups` is sorted. Named after the user's
 * section, or after the number where there is none. */
void access_init_user(struct access *access, struct rights *generation, uint32_t user,
                      const uint32_t *groups, size_t group_count);
void access_done(struct access *access);

/* Whether any section has any of these rights, wherever. */
bool access_has(const struct access *access, uint32_t rights);

enum access_verdict {
    ACCESS_GRANTED,
    ACCESS_FORBIDDEN, /* the caller knows the object by another right: 403 */
    ACCESS_HIDDEN,    /* the object does not exist for the caller: 404 */
};

/* For the object STORE/KEY. */
enum access_verdict access_object(const struct access *access, enum right right,
                                  const char *object);

/* For all objects of a store whose keys begin with `prefix`; "" is the whole store.
 * ACCESS_FORBIDDEN also where the caller knows a part of them. */
enum access_verdict access_prefix(const struct access *access, enum right right, const char *store,
                                  const char *prefix);

/* Whether the caller may know of the store, because it may know of an object that the store could
 * hold. */
bool access_knows_store(const struct access *access, const char *store);
/* Whether it may know of all objects of the store. */
bool access_knows_whole_store(const struct access *access, const char *store);
/* The same for objects below a prefix. */
bool access_knows_prefix(const struct access *access, const char *store, const char *prefix);

/* Whether the caller has the right in all stores, by one section. */
bool access_everywhere(const struct access *access, enum right right);

/* Whether the caller may know of all objects of all stores, so that counts of them hide nothing. */
bool access_knows_all(const struct access *access);

/* Whether any section names the volume: for tests, until there are volumes. */
bool access_volume(const struct access *access, const char *volume);

/* Whether each section has expired, so that the caller may do nothing any more. */
bool access_is_over(const struct access *access, int64_t now_s);

/* Whether both give the same rights to the same caller; quotas do not count. */
bool grant_is_same(const struct grant *a, const struct grant *b);
/* Whether `rights` has each section of the access, unchanged but for its quotas. */
bool access_is_in(const struct access *access, const struct rights *rights);

#endif
