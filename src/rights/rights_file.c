/* SPDX-License-Identifier: Apache-2.0
 *
 * Parses the rights file, in both of its forms: see rights.h. Pure.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/limits.h"
#include "base/name.h"
#include "base/utf8.h"
#include "data/key.h"
#include "data/object_name.h"
#include "rights/generation.h"

enum {
    NAME_MOST = 64,
    SECTION_LEAST = sizeof "[user x]\n" - 1, /* bytes */
};

/* A file that is being read. */
struct reading {
    struct rights *rights;
    struct grant *grant; /* of the last section; NULL: none yet */
    unsigned seen;       /* settings of that section, as bits */
    size_t line;         /* its number, from 1 */
    struct error *error;
};

static int refuse(struct reading *reading, const char *what)
{
    return error_set(reading->error, ERROR_MALFORMED, "line %zu: %s", reading->line, what);
}

static char *keep(struct reading *reading, const char *text, size_t size)
{
    char *copy = pool_take(&reading->rights->pool, size + 1);
    if (copy) {
        memcpy(copy, text, size);
    } else {
        (void)error_memory(reading->error, NULL);
    }
    return copy;
}

static struct grant *add_grant(struct reading *reading, enum grant_kind kind, char *name)
{
    struct rights *rights = reading->rights;
    if (rights->count == rights->room) {
        size_t room = rights->room > 0 ? 2 * rights->room : 16;
        struct grant *grants = reallocarray(rights->grants, room, sizeof *grants);
        if (!grants) {
            (void)error_memory(reading->error, NULL);
            return NULL;
        }
        rights->grants = grants;
        rights->room = room;
    }
    struct grant *grant = &rights->grants[rights->count++];
    rights->counts[kind]++;
    *grant = (struct grant){.kind = kind, .name = name, .line = reading->line};
    return grant;
}

/* ---- values ---- */

/* The next word of a value, terminated; NULL behind the last. */
static char *next_word(char **at)
{
    char *word = *at + strspn(*at, " \t");
    char *end = word + strcspn(word, " \t");
    *at = *end ? end + 1 : end;
    *end = '\0';
    return *word ? word : NULL;
}

static size_t count_words(const char *value)
{
    size_t count = 0;
    while (*(value += strspn(value, " \t"))) {
        value += strcspn(value, " \t");
        count++;
    }
    return count;
}

/* With a slash before all other bytes, so that what lies within a scope follows it. */
static int by_scope(const void *left, const void *right)
{
    const char *a = *(const char *const *)left;
    const char *b = *(const char *const *)right;
    while (*a && *a == *b) {
        a++;
        b++;
    }
    int first = *a == '/' ? 1 : 2 * (unsigned char)*a;
    int second = *b == '/' ? 1 : 2 * (unsigned char)*b;
    return first - second;
}

/* Room for the words of a value. */
static int take_list(struct reading *reading, const char *value, const char ***ret_list)
{
    size_t count = count_words(value);
    if (count > LIMIT_GRANT_WORDS) {
        (void)error_set(reading->error, ERROR_MALFORMED,
                        "line %zu: more than %u words: divide the section", reading->line,
                        LIMIT_GRANT_WORDS);
        return -EINVAL;
    }
    *ret_list = pool_take(&reading->rights->pool, count * sizeof **ret_list);
    if (!*ret_list) {
        (void)error_memory(reading->error, NULL);
        return -ENOMEM;
    }
    return 0;
}

static int set_rights(struct reading *reading, char *value)
{
    const char **volumes = NULL;
    size_t count = 0;
    int r = take_list(reading, value, &volumes);
    if (r < 0) {
        return r;
    }
    for (char *word = next_word(&value); word; word = next_word(&value)) {
        uint32_t set = right_set(word);
        if (strncmp(word, "volumes:", 8) == 0) {
            if (!word[8] || !name_is_word(word + 8)) {
                return refuse(reading, "rights: volumes:NAME has the name of a volume");
            }
            volumes[count++] = word + 8;
        } else if (set == 0) {
            return error_set(reading->error, ERROR_MALFORMED,
                             "line %zu: '%.40s' is no right: see situd.conf(5)", reading->line,
                             word);
        }
        reading->grant->rights |= set;
    }
    reading->grant->volumes = volumes;
    reading->grant->volume_count = count;
    return 0;
}

/* A prefix of keys, which ends with a slash; "" is fine. */
static int check_prefix(struct reading *reading, const char *prefix)
{
    struct error why;
    char key[LIMIT_KEY_BYTES + 1];
    size_t size = strlen(prefix);
    if (size == 0) {
        return 0;
    }
    if (prefix[size - 1] != '/') {
        return refuse(reading, "stores: a prefix ends with a slash");
    }
    if (size > LIMIT_KEY_BYTES) {
        return refuse(reading, "stores: a prefix is too long");
    }
    memcpy(key, prefix, size - 1);
    key[size - 1] = '\0';
    return key_check(key, &why) == 0
               ? 0
               : error_set(reading->error, ERROR_MALFORMED, "line %zu: stores: %.300s",
                           reading->line, why.message);
}

/* STORE, or STORE/PREFIX/. */
static int check_scope(struct reading *reading, const char *scope)
{
    char store[LIMIT_STORE_NAME + 1];
    size_t length = strcspn(scope, "/");
    if (length == 0 || length > LIMIT_STORE_NAME) {
        return refuse(reading, "stores: STORE or STORE/PREFIX/ is wanted");
    }
    memcpy(store, scope, length);
    store[length] = '\0';
    if (!name_is_word(store)) {
        return refuse(reading, "stores: the name of a store has A-Z a-z 0-9 . _ - only");
    }
    return scope[length] == '\0' ? 0 : check_prefix(reading, scope + length + 1);
}

/* Whether scope `a` holds all of scope `b`. */
static bool holds(const char *a, const char *b)
{
    size_t length = strlen(a);
    return strncmp(a, b, length) == 0 &&
           (b[length] == '\0' || b[length] == '/' || a[length - 1] == '/');
}

/* "photos/" is "photos". */
static void cut_slash(char *scope)
{
    char *slash = strchr(scope, '/');
    if (slash && slash[1] == '\0') {
        *slash = '\0';
    }
}

/* Drops the scopes within another; returns how many are left. */
static size_t drop_held(const char **list, size_t count)
{
    size_t kept = 0;
    qsort(list, count, sizeof *list, by_scope);
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || !holds(list[kept - 1], list[i])) {
            list[kept++] = list[i];
        }
    }
    return kept;
}

static int set_stores(struct reading *reading, char *value)
{
    struct grant *grant = reading->grant;
    const char **list = NULL;
    size_t count = 0;
    int r = take_list(reading, value, &list);
    if (r < 0) {
        return r;
    }
    for (char *word = next_word(&value); word; word = next_word(&value)) {
        if (strcmp(word, "*") == 0) {
            grant->all_stores = true;
            continue;
        }
        if (object_name_decode(word) < 0) {
            return refuse(reading, "stores: % is followed by two hexadecimal digits: %25 is %");
        }
        r = check_scope(reading, word);
        if (r < 0) {
            return r;
        }
        cut_slash(word);
        list[count++] = word;
    }
    grant->scopes = list;
    grant->scope_count = drop_held(list, count);
    return 0;
}

/* What `sha256sum` says of an empty file. */
static const uint8_t hash_of_nothing[32] = {
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
    0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55};

static int set_hash(struct reading *reading, char *value)
{
    if (reading->grant->kind != GRANT_TOKEN) {
        return refuse(reading, "only a [token NAME] has a hash");
    }
    if (strlen(value) != 64 || strspn(value, "0123456789abcdefABCDEF") != 64) {
        return refuse(reading, "hash: the SHA-256 of a token is wanted, 64 hexadecimal digits");
    }
    for (size_t i = 0; i < 32; i++) {
        char digits[3] = {value[2 * i], value[2 * i + 1], '\0'};
        reading->grant->digest[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return memcmp(reading->grant->digest, hash_of_nothing, sizeof hash_of_nothing) != 0
               ? 0
               : refuse(reading, "hash: it is the SHA-256 of an empty text, which is no token");
}

/* Whether `value` is a date, with a time or without, in the one way to write it: not 2027-1-31, nor
 * 2027-02-31, of which timegm would make a day of March. */
static bool read_date(const char *value, int64_t *ret_date_s)
{
    struct tm parts = {0};
    char day[64];
    char moment[64];
    const char *end = strptime(value, "%Y-%m-%d", &parts);
    if (end && *end && !strptime(end, "T%H:%M:%SZ", &parts)) {
        return false;
    }
    *ret_date_s = timegm(&parts);
    (void)strftime(day, sizeof day, "%Y-%m-%d", &parts);
    (void)strftime(moment, sizeof moment, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return strcmp(value, day) == 0 || strcmp(value, moment) == 0;
}

static int set_expires(struct reading *reading, char *value)
{
    int64_t expires_s = 0;
    if (reading->grant->kind != GRANT_TOKEN) {
        return refuse(reading, "only a [token NAME] expires");
    }
    if (!read_date(value, &expires_s)) {
        return refuse(reading, "expires: a date such as 2027-01-31, or 2027-01-31T18:00:00Z, is "
                               "wanted");
    }
    if (expires_s <= 0) {
        return refuse(reading, "expires: the year is out of range");
    }
    reading->grant->expires_s = expires_s;
    return 0;
}

static int set_number(struct reading *reading, const char *name, const char *value, uint32_t *place)
{
    char *end = NULL;
    errno = 0;
    unsigned long number = strtoul(value, &end, 10);
    if (!isdigit((unsigned char)value[0]) || *end != '\0' || errno != 0 || number < 1 ||
        number > LIMIT_QUOTA) {
        return error_set(reading->error, ERROR_MALFORMED,
                         "line %zu: %s: a number from 1 to %u is wanted", reading->line, name,
                         LIMIT_QUOTA);
    }
    *place = (uint32_t)number;
    return 0;
}

static int set_rate(struct reading *reading, char *value)
{
    return set_number(reading, "requests_per_second", value, &reading->grant->requests_per_second);
}

static int set_concurrent(struct reading *reading, char *value)
{
    return set_number(reading, "concurrent", value, &reading->grant->concurrent);
}

static const struct setting {
    const char *name;
    int (*set)(struct reading *reading, char *value);
} settings[] = {
    {"hash", set_hash}, /* first: SEEN_HASH */
    {"rights", set_rights},
    {"stores", set_stores},
    {"expires", set_expires},
    {"requests_per_second", set_rate},
    {"concurrent", set_concurrent},
};

enum { SEEN_HASH = 1u << 0 };

/* ---- lines ---- */

/* A section must say who has which rights. */
static int end_section(struct reading *reading)
{
    const struct grant *grant = reading->grant;
    if (grant && grant->kind == GRANT_TOKEN && !(reading->seen & SEEN_HASH)) {
        return error_set(reading->error, ERROR_MALFORMED, "line %zu: [token %s] has no hash",
                         grant->line, grant->name);
    }
    return 0;
}

static int name_of_section(struct reading *reading, char *name, enum grant_kind kind)
{
    size_t length = strlen(name);
    if (length == 0 || length > NAME_MOST || (kind == GRANT_TOKEN && !name_is_word(name)) ||
        strpbrk(name, " \t[]\"") || !utf8_valid(name, length)) {
        return refuse(reading, kind == GRANT_TOKEN
                                   ? "the name of a token has 1 to 64 of A-Z a-z 0-9 . _ -"
                                   : "the name of a user or group has 1 to 64 bytes of UTF-8, "
                                     "without blanks, brackets and quotation marks");
    }
    const struct grant *same = rights_find(reading->rights, kind, name);
    return same ? error_set(reading->error, ERROR_MALFORMED,
                            "line %zu: the section is there already, in line %zu", reading->line,
                            same->line)
                : 0;
}

static const char *const openings[] = {
    [GRANT_TOKEN] = "[token ", [GRANT_USER] = "[user ", [GRANT_GROUP] = "[group "};

/* Whether the line opens a section; cuts its name out. */
static bool is_section(char *line, enum grant_kind *ret_kind, char **ret_name)
{
    size_t size = strlen(line);
    for (size_t kind = 0; kind < sizeof openings / sizeof openings[0]; kind++) {
        size_t length = strlen(openings[kind]);
        if (strncmp(line, openings[kind], length) == 0 && line[size - 1] == ']') {
            *ret_kind = (enum grant_kind)kind;
            *ret_name = line + length + strspn(line + length, " \t");
            line[size - 1] = '\0';
            return true;
        }
    }
    return false;
}

static int begin_section(struct reading *reading, enum grant_kind kind, char *name)
{
    int r = end_section(reading);
    if (r < 0) {
        return r;
    }
    r = name_of_section(reading, name, kind);
    if (r < 0) {
        return r;
    }
    reading->seen = 0;
    reading->grant = add_grant(reading, kind, name);
    if (!reading->grant) {
        return -ENOMEM;
    }
    rights_index_name(reading->rights, reading->rights->count - 1);
    return 0;
}

static void trim_end(char *text)
{
    size_t size = strlen(text);
    while (size > 0 && (text[size - 1] == ' ' || text[size - 1] == '\t')) {
        text[--size] = '\0';
    }
}

static int take_setting(struct reading *reading, char *line)
{
    char *value = strchr(line, '=');
    if (!value) {
        return refuse(reading, "`name = value` or a section is wanted");
    }
    *value++ = '\0';
    value += strspn(value, " \t");
    trim_end(line);
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        if (strcmp(settings[i].name, line) != 0) {
            continue;
        }
        if (reading->seen & (1u << i)) {
            return refuse(reading, "the section has this setting already");
        }
        reading->seen |= 1u << i;
        return settings[i].set(reading, value);
    }
    return error_set(reading->error, ERROR_MALFORMED,
                     "line %zu: there is no such setting; see situd.conf(5)", reading->line);
}

/* A section with a slip must not become a token, which anybody may guess. */
static int check_token(struct reading *reading, const char *line)
{
    if (strchr(line, '\t')) {
        return error_set(reading->error, ERROR_MALFORMED,
                         "line %zu has a control byte (0x09): a token consists of printable bytes",
                         reading->line);
    }
    bool section = line[0] == '[' && line[strlen(line) - 1] == ']';
    for (size_t kind = 0; kind < sizeof openings / sizeof openings[0]; kind++) {
        section |= strncmp(line, openings[kind], strlen(openings[kind])) == 0;
    }
    if (section) {
        return refuse(reading, "a section is [token NAME], [user NAME] or [group NAME]");
    }
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        size_t length = strlen(settings[i].name);
        if (strncmp(line, settings[i].name, length) == 0 &&
            line[length + strspn(line + length, " ")] == '=') {
            return refuse(reading, "a setting outside of a section");
        }
    }
    return 0;
}

/* A token of the old form, of which the generation keeps the digest only. */
static int take_token(struct reading *reading, char *line)
{
    struct rights *rights = reading->rights;
    char name[32];
    size_t size = strlen(line);
    int r = check_token(reading, line);
    if (r < 0) {
        return r;
    }
    (void)snprintf(name, sizeof name, "line-%zu", reading->line);
    char *kept = keep(reading, name, strlen(name));
    struct grant *grant = kept ? add_grant(reading, GRANT_TOKEN, kept) : NULL;
    if (!grant) {
        return -ENOMEM;
    }
    grant->rights = RIGHTS_ALL;
    grant->all_stores = true;
    rights->plain_line = rights->plain_line > 0 ? rights->plain_line : reading->line;
    if (size < LIMIT_TOKEN_LEAST_BYTES && rights->short_line == 0) {
        rights->short_line = reading->line;
    }
    r = rights_digest(line, size, grant->digest);
    explicit_bzero(line, size);
    return r < 0 ? error_set(reading->error, ERROR_INTERNAL, "SHA-256 cannot be computed") : 0;
}

/* A line without blanks around it, and not empty. */
static int take_text(struct reading *reading, char *line)
{
    enum grant_kind kind = GRANT_TOKEN;
    char *name = NULL;
    bool plain = reading->rights->plain_line > 0;
    if (is_section(line, &kind, &name)) {
        return plain ? refuse(reading, "a section behind plain tokens: give each token a section "
                                       "of its own, with its hash")
                     : begin_section(reading, kind, name);
    }
    return reading->grant ? take_setting(reading, line) : take_token(reading, line);
}

static int check_bytes(struct reading *reading, const char *line, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)line[i];
        if (byte == '\r') {
            return error_set(reading->error, ERROR_MALFORMED,
                             "line %zu has a carriage return that is not followed by a line feed: "
                             "end lines with LF or CRLF",
                             reading->line);
        }
        if ((byte < 0x20 && byte != '\t') || byte == 0x7f) {
            return error_set(reading->error, ERROR_MALFORMED,
                             "line %zu has a control byte (0x%02x)", reading->line, byte);
        }
    }
    return 0;
}

/* One line, without its end. */
static int take_line(struct reading *reading, const char *line, size_t size)
{
    int r = check_bytes(reading, line, size);
    if (r < 0) {
        return r;
    }
    while (size > 0 && (line[size - 1] == ' ' || line[size - 1] == '\t')) {
        size--;
    }
    while (size > 0 && (*line == ' ' || *line == '\t')) {
        line++;
        size--;
    }
    if (size == 0 || *line == '#' || *line == ';') {
        return 0;
    }
    char *copy = keep(reading, line, size);
    return copy ? take_text(reading, copy) : -ENOMEM;
}

static int take_lines(struct reading *reading, const char *bytes, size_t size)
{
    static const char mark[] = {'\xef', '\xbb', '\xbf'};
    size_t at = size >= sizeof mark && memcmp(bytes, mark, sizeof mark) == 0 ? sizeof mark : 0;
    while (at < size) {
        const char *line = bytes + at;
        const char *end = memchr(line, '\n', size - at);
        size_t length = end ? (size_t)(end - line) : size - at;
        at += length + 1;
        reading->line++;
        length -= end && length > 0 && line[length - 1] == '\r' ? 1 : 0;
        int r = take_line(reading, line, length);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int take_file(struct reading *reading, const char *bytes, size_t size)
{
    int r = take_lines(reading, bytes, size);
    if (r < 0) {
        return r;
    }
    r = end_section(reading);
    if (r < 0) {
        return r;
    }
    if (reading->rights->count == 0) {
        return error_set(reading->error, ERROR_MALFORMED, "there is no token in it");
    }
    return rights_index_tokens(reading->rights, reading->error);
}

int rights_parse(const char *bytes, size_t size, struct rights **ret_rights, struct error *error)
{
    if (size > LIMIT_TOKEN_FILE_BYTES) {
        return error_set(error, ERROR_TOO_LARGE, "it has more than %llu bytes",
                         (unsigned long long)LIMIT_TOKEN_FILE_BYTES);
    }
    struct rights *rights = calloc(1, sizeof *rights);
    if (!rights) {
        return error_memory(error, NULL);
    }
    atomic_init(&rights->references, 1);
    struct reading reading = {.rights = rights, .error = error};
    int r = rights_index_begin(rights, size / SECTION_LEAST, error);
    if (r == 0) {
        r = take_file(&reading, bytes, size);
    }
    if (r < 0) {
        rights_unref(rights);
        return r;
    }
    *ret_rights = rights;
    return 0;
}
