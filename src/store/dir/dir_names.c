/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads and sorts one directory. Sorting compares eight bytes of each name at once, after the
 * prefix that all names share (IMG_000...), and the whole names only if those are equal: a
 * million names sort in a fraction of a second. When the budget is used up, the upper half is
 * dropped, and from then on everything above the last name that was kept.
 */
#include "store/dir/dir_names.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buffer.h"

enum { READ_SIZE = 64 << 10 }; /* for getdents64 */

struct entry {
    uint64_t key; /* eight bytes of the name, as a big-endian number; set before sorting */
    uint32_t start;
};

struct collector {
    struct buffer text;
    struct entry *entries; /* owned */
    size_t count;
    size_t capacity;
    size_t common; /* bytes that all names begin with; set before sorting */
    const char *from;
    size_t budget;
    bool limited;         /* names above the limit are dropped */
    uint32_t limit_start; /* the last name kept when the budget was used up */
};

static const char *name_of(const struct collector *c, const struct entry *entry)
{
    return c->text.data + entry->start;
}

static size_t common_prefix(const struct collector *c)
{
    const char *first = name_of(c, &c->entries[0]);
    size_t common = strlen(first);
    for (size_t i = 1; i < c->count && common > 0; i++) {
        const char *name = name_of(c, &c->entries[i]);
        size_t same = 0;
        while (same < common && name[same] == first[same]) {
            same++;
        }
        common = same;
    }
    return common;
}

static int compare_entries(const void *left, const void *right, void *context)
{
    const struct collector *c = context;
    const struct entry *a = left;
    const struct entry *b = right;
    if (a->key != b->key) {
        return a->key < b->key ? -1 : 1;
    }
    return strcmp(name_of(c, a) + c->common, name_of(c, b) + c->common);
}

/* Sorts, and drops duplicates (a file that was renamed meanwhile). */
static void sort(struct collector *c)
{
    if (c->count == 0) {
        return;
    }
    c->common = common_prefix(c);
    for (size_t i = 0; i < c->count; i++) {
        const char *name = name_of(c, &c->entries[i]) + c->common;
        uint64_t key = 0;
        for (unsigned shift = 64; shift > 0 && *name; name++) {
            shift -= 8;
            key |= (uint64_t)(unsigned char)*name << shift;
        }
        c->entries[i].key = key;
    }
    qsort_r(c->entries, c->count, sizeof *c->entries, compare_entries, c);
    size_t kept = 1;
    for (size_t i = 1; i < c->count; i++) {
        if (compare_entries(&c->entries[kept - 1], &c->entries[i], c) != 0) {
            c->entries[kept++] = c->entries[i];
        }
    }
    c->count = kept;
}

/* Keeps only the lower half of the names. */
static int halve(struct collector *c)
{
    sort(c);
    c->count = c->count - c->count / 2;
    struct buffer text = BUFFER_INIT;
    for (size_t i = 0; i < c->count; i++) {
        const char *name = name_of(c, &c->entries[i]);
        uint32_t start = (uint32_t)text.size;
        buffer_append(&text, name, strlen(name) + 1);
        c->entries[i].start = start;
    }
    buffer_done(&c->text);
    c->text = text;
    if (buffer_ok(&c->text) < 0) {
        return -ENOMEM;
    }
    c->limit_start = c->entries[c->count - 1].start;
    c->limited = true;
    return 0;
}

enum kind { KIND_NONE, KIND_FILE, KIND_DIRECTORY, KIND_LINK };

static int add(struct collector *c, const char *name, enum kind kind)
{
    static const char *const tails[] = {
        [KIND_FILE] = "", [KIND_DIRECTORY] = "/", [KIND_LINK] = "//"};
    size_t start = c->text.size;
    buffer_append_text(&c->text, name);
    buffer_append(&c->text, tails[kind], strlen(tails[kind]) + 1);
    if (buffer_ok(&c->text) < 0) {
        return -ENOMEM;
    }
    const char *added = c->text.data + start;
    if (strcmp(added, c->from) < 0 ||
        (c->limited && strcmp(added, c->text.data + c->limit_start) > 0)) {
        c->text.size = start;
        return 0;
    }
    if (c->count == c->capacity) {
        size_t capacity = c->capacity > 0 ? c->capacity * 2 : 64;
        struct entry *entries = reallocarray(c->entries, capacity, sizeof *entries);
        if (!entries) {
            return -ENOMEM;
        }
        c->entries = entries;
        c->capacity = capacity;
    }
    c->entries[c->count++].start = (uint32_t)start;
    /* Twice, since sorting needs as much again. */
    size_t bytes = c->text.size + c->count * sizeof *c->entries * 2;
    return bytes > c->budget && c->count > 1 ? halve(c) : 0;
}

/* An enum kind (KIND_NONE: skipped), or a negative errno. */
static int kind_of(int fd, const struct dirent64 *entry)
{
    const char *name = entry->d_name;
    unsigned char type = entry->d_type;
    if (name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'))) {
        return KIND_NONE;
    }
    if (type == DT_UNKNOWN) {
        struct stat info;
        if (fstatat(fd, name, &info, AT_SYMLINK_NOFOLLOW) < 0) {
            return errno == ENOENT ? KIND_NONE : -errno;
        }
        type = (unsigned char)IFTODT(info.st_mode);
    }
    switch (type) {
    case DT_REG:
        return KIND_FILE;
    case DT_DIR:
        return KIND_DIRECTORY;
    case DT_LNK:
        return KIND_LINK;
    default:
        return KIND_NONE;
    }
}

static int collect(struct collector *c, int fd)
{
    cleanup_free char *chunk = malloc(READ_SIZE);
    if (!chunk) {
        return -ENOMEM;
    }
    for (;;) {
        ssize_t size = getdents64(fd, chunk, READ_SIZE);
        if (size < 0) {
            return errno == ENOENT ? 0 : -errno; /* removed meanwhile */
        }
        if (size == 0) {
            return 0;
        }
        for (ssize_t at = 0; at < size;) {
            const struct dirent64 *entry = (const void *)(chunk + at);
            at += entry->d_reclen;
            int kind = kind_of(fd, entry);
            int r = kind > KIND_NONE ? add(c, entry->d_name, (enum kind)kind) : kind;
            if (r < 0) {
                return r;
            }
        }
    }
}

/* Takes ownership of the collector's text. */
static int finish(struct collector *c, struct dir_names **ret_names)
{
    struct dir_names *names = calloc(1, sizeof *names);
    uint32_t *starts = malloc((c->count + 1) * sizeof *starts);
    char *from = strdup(c->from);
    if (!names || !starts || !from) {
        free(names);
        free(starts);
        free(from);
        return -ENOMEM;
    }
    for (size_t i = 0; i < c->count; i++) {
        starts[i] = c->entries[i].start;
    }
    char *shrunk = realloc(c->text.data, c->text.size + 1);
    *names = (struct dir_names){.text = shrunk ? shrunk : c->text.data,
                                .text_size = c->text.size,
                                .starts = starts,
                                .count = c->count,
                                .from = from,
                                .complete = !c->limited,
                                .references = 1};
    c->text = BUFFER_INIT;
    *ret_names = names;
    return 0;
}

int dir_names_read(int fd, const char *from, size_t budget_bytes, struct dir_names **ret_names)
{
    struct collector c = {.from = from, .budget = budget_bytes};
    int r = collect(&c, fd);
    if (r == 0) {
        sort(&c);
        r = finish(&c, ret_names);
    }
    free(c.entries);
    buffer_done(&c.text);
    return r;
}

size_t dir_names_find(const struct dir_names *names, const char *wanted, bool beyond)
{
    size_t low = 0;
    size_t high = names->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(dir_names_at(names, middle), wanted);
        if (order < 0 || (beyond && order == 0)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

void dir_names_free(struct dir_names *names)
{
    if (names) {
        free(names->text);
        free(names->starts);
        free(names->from);
        free(names);
    }
}
