/* SPDX-License-Identifier: Apache-2.0
 *
 * The rights file: who may do what, and in which stores. One of two forms:
 *
 *     [token backup]                       one bearer token a line, as before there were
 *     hash = 5e88...                       sections; each has all rights in all stores
 *     rights = reader jobs
 *     stores = photos/2024/ scans
 *     expires = 2027-01-31
 *     requests_per_second = 50
 *     concurrent = 8
 *
 * In `stores`, names are separated by blanks; bytes of a prefix may be percent-encoded, and % must
 * be. Sections are [token NAME], [user NAME] and [group NAME]; only tokens have a hash, the SHA-256
 * of the token in hexadecimal digits, and `expires`. LF and CRLF end a line; a byte order mark at
 * the start, blanks around names and values, empty lines and lines that start with # or ; are
 * skipped. A lone CR, NUL and other control bytes are errors.
 *
 * A parsed file is one generation of rights: constant, reference counted, read by any thread.
 */
#ifndef SITU_RIGHTS_RIGHTS_H
#define SITU_RIGHTS_RIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "rights/right.h"

struct rights;

enum grant_kind { GRANT_TOKEN, GRANT_USER, GRANT_GROUP, GRANT_KINDS };

/* A section. All pointers are the generation's. */
struct grant {
    enum grant_kind kind;
    const char *name; /* of tokens of the old form: "line-N" */
    size_t line;      /* where it begins, from 1 */
    uint32_t rights;
    bool all_stores;           /* `stores = *` */
    const char *const *scopes; /* STORE or STORE/PREFIX/, none within another */
    size_t scope_count;
    const char *const *volumes; /* names */
    size_t volume_count;
    int64_t expires_s;            /* of the clock of the day; 0: never */
    uint32_t requests_per_second; /* 0: no limit */
    uint32_t concurrent;          /* 0: no limit */
    uint8_t digest[32];           /* of the token */
    bool identified;              /* the user or group is known on this machine, under this: */
    uint32_t id;
};

/* ERROR_MALFORMED with the number of the line, if a line is wrong or there is no section;
 * ERROR_TOO_LARGE above LIMIT_TOKEN_FILE_BYTES; ERROR_MEMORY. Messages contain no byte of a
 * token. */
must_check int rights_parse(const char *bytes, size_t size, struct rights **ret_rights,
                            struct error *error);

/* Gives the section at `index`, of a user or a group, its number on this machine, and the name of
 * that, which is copied; before the generation is shared. ERROR_MALFORMED with the lines if there
 * is a section of that number already; ERROR_MEMORY. */
must_check int rights_identify(struct rights *rights, size_t index, uint32_t id, const char *name,
                               struct error *error);

struct rights *rights_ref(struct rights *rights);
void rights_unref(struct rights *rights); /* NULL is fine */

/* The section at `index`; NULL behind the last. */
const struct grant *rights_at(const struct rights *rights, size_t index);
/* How many sections of that kind there are. */
size_t rights_count(const struct rights *rights, enum grant_kind kind);

/* The number of the first line with a token of the old form; 0: the file has sections. */
size_t rights_plain_line(const struct rights *rights);
/* The number of the first line with a token of the old form shorter than LIMIT_TOKEN_LEAST_BYTES,
 * which could be guessed; 0: none. */
size_t rights_short_line(const struct rights *rights);

/* The SHA-256 of a token, as `hash` of its section has it. -EPROTO where it cannot be computed. */
must_check int rights_digest(const char *token, size_t size, uint8_t digest[32]);

/* The section of a token, expired or not; NULL: unknown, or "". */
const struct grant *rights_find_token(const struct rights *rights, const char *token);
const struct grant *rights_find_digest(const struct rights *rights, const uint8_t digest[32]);
/* The section of that kind and name, or the token of the old form; NULL: there is none. */
const struct grant *rights_find(const struct rights *rights, enum grant_kind kind,
                                const char *name);
/* The same by the number on this machine, of one that was identified. */
const struct grant *rights_find_id(const struct rights *rights, enum grant_kind kind, uint32_t id);

#endif
