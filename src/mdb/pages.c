/* SPDX-License-Identifier: Apache-2.0
 *
 * The check of pages.h. One thread at a time an instance; memory is one page a level of the tree, a
 * bit for each page of the file, and the largest value.
 */
#include "mdb/pages.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/limits.h"

enum {
    PAGE_HEAD = 16, /* number (8), pad (2), flags (2), lower and upper (2 each) or count (4) */
    FLAG_BRANCH = 0x01,
    FLAG_LEAF = 0x02,
    FLAG_OVERFLOW = 0x04,
    FLAG_META = 0x08,

    NODE_HEAD = 8, /* size low, size high, flags, key size (2 each); in a branch a page number */
    NODE_BIG = 0x01,

    META_MAGIC_AT = PAGE_HEAD,
    META_VERSION_AT = PAGE_HEAD + 4,
    META_FREE_AT = PAGE_HEAD + 24,
    META_MAIN_AT = META_FREE_AT + 48,
    META_LAST_AT = META_MAIN_AT + 48,
    META_TXN_AT = META_LAST_AT + 8,
    META_VERSION = 1,
    FREE_FLAGS = 0x08, /* integer keys */

    KEY_MAX = 511,
    DEPTH_MAX = 24,
    READ_AHEAD = 1 << 20,
};

#define META_MAGIC 0xbeefc0deu
#define NO_PAGE UINT64_MAX
#define SLACK_PAGES (UINT64_C(1) << 20) /* allocated at the file's end, never written */
#define TXN_MAX (UINT64_C(1) << 62)

struct root {
    uint16_t depth;
    uint64_t branch_pages;
    uint64_t leaf_pages;
    uint64_t overflow_pages;
    uint64_t entries;
    uint64_t page;
};

struct key {
    size_t size;
    uint8_t bytes[KEY_MAX];
};

struct level {
    uint8_t *page; /* owned */
    uint64_t number;
    size_t keys;
    size_t next;
};

struct check {
    int fd;
    size_t page_size;
    uint64_t file_pages; /* whole pages that the file has */
    uint64_t page_count; /* pages that may be named: last page + 1 */
    uint64_t txn;
    uint8_t *used;    /* owned; a bit a page */
    uint16_t *sizes;  /* owned; node size by offset / 2, for one page */
    uint8_t *value;   /* owned; an overflow value */
    uint8_t *scratch; /* owned; READ_AHEAD bytes */
    size_t value_capacity;
    struct level levels[DEPTH_MAX];
    bool free_tree; /* which tree is walked */
    bool has_last;
    struct key last;  /* the last key seen */
    struct key floor; /* the next key is not below this; size 0: none */
    struct root found;
    uint64_t used_pages;
    pages_visit_fn visit;
    void *context;
    struct error *error;
};

struct node {
    const uint8_t *key;
    size_t key_size;
    const uint8_t *data;
    size_t data_size; /* of the value, wherever it lies */
    uint64_t child;   /* branch: page; leaf with `big`: first overflow page */
    bool big;
};

__attribute__((format(printf, 3, 4))) static int damaged(const struct check *check, uint64_t page,
                                                         const char *format, ...)
{
    char what[128];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    (void)error_set(check->error, ERROR_IO, "page %llu %s", (unsigned long long)page, what);
    return -EBADMSG;
}

/* Reads exactly; a short file is damage. */
static int read_at(const struct check *check, uint64_t offset, void *bytes, size_t size)
{
    size_t done = 0;
    while (done < size) {
        ssize_t got =
            pread(check->fd, (uint8_t *)bytes + done, size - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            char text[96];
            (void)error_set(check->error, ERROR_IO, "it cannot be read at %llu: %s",
                            (unsigned long long)offset, error_text(errno, text, sizeof text));
            return -EIO;
        }
        if (got == 0) {
            return damaged(check, offset / check->page_size, "is beyond the file's end");
        }
        done += (size_t)got;
    }
    return 0;
}

/* Marks pages as used; damage where one is out of range or used already. */
static int take_pages(struct check *check, uint64_t from, uint64_t count)
{
    if (count > check->page_count || from < 2 || from > check->page_count - count) {
        return damaged(check, from, "is none of the file's");
    }
    for (uint64_t page = from; page < from + count; page++) {
        uint8_t bit = (uint8_t)(1u << (page & 7));
        if (check->used[page >> 3] & bit) {
            return damaged(check, page, "is used twice");
        }
        check->used[page >> 3] |= bit;
    }
    return 0;
}

static struct node node_at(const uint8_t *page, size_t index, bool leaf)
{
    const uint8_t *at = page + bytes_get_u16(page + PAGE_HEAD + 2 * index);
    uint16_t flags = bytes_get_u16(at + 4);
    struct node node = {.key = at + NODE_HEAD, .key_size = bytes_get_u16(at + 6)};
    if (leaf) {
        node.data_size = bytes_get_u32(at);
        node.data = node.key + node.key_size;
        node.big = flags == NODE_BIG;
        node.child = node.big ? bytes_get_u64(node.data) : NO_PAGE;
    } else {
        node.child = bytes_get_u32(at) | (uint64_t)flags << 32;
    }
    return node;
}

/* The bytes that a node takes in its page, or 0 where it does not fit. */
static size_t node_size(const struct check *check, const uint8_t *page, size_t offset, bool leaf)
{
    const uint8_t *at = page + offset;
    uint16_t flags = bytes_get_u16(at + 4);
    uint64_t size = NODE_HEAD + (uint64_t)bytes_get_u16(at + 6);
    if (bytes_get_u16(at + 6) > KEY_MAX || (leaf && flags != 0 && flags != NODE_BIG)) {
        return 0;
    }
    if (leaf) {
        size += flags == NODE_BIG ? sizeof(uint64_t) : bytes_get_u32(at);
    }
    size = (size + 1) & ~UINT64_C(1);
    uint64_t most = (check->page_size - PAGE_HEAD) / 2;
    return size <= most && offset + size <= check->page_size ? (size_t)size : 0;
}

/* The nodes of a page fill the space from `upper` to its end without gap or overlap. */
static int check_nodes(struct check *check, const struct level *level, bool leaf)
{
    const uint8_t *page = level->page;
    size_t upper = bytes_get_u16(page + 14);
    memset(check->sizes, 0, check->page_size / 2 * sizeof *check->sizes);
    for (size_t i = 0; i < level->keys; i++) {
        size_t offset = bytes_get_u16(page + PAGE_HEAD + 2 * i);
        if (offset < upper || offset % 2 != 0 || offset + NODE_HEAD > check->page_size ||
            check->sizes[offset / 2] != 0) {
            return damaged(check, level->number, "has a node out of place");
        }
        size_t size = node_size(check, page, offset, leaf);
        if (size == 0) {
            return damaged(check, level->number, "has a node of a wrong size");
        }
        check->sizes[offset / 2] = (uint16_t)size;
    }
    size_t count = 0;
    size_t at = upper;
    for (; at < check->page_size; at += check->sizes[at / 2], count++) {
        if (check->sizes[at / 2] == 0) {
            break;
        }
    }
    return at == check->page_size && count == level->keys
               ? 0
               : damaged(check, level->number, "has nodes that overlap");
}

static int load_page(struct check *check, size_t depth, uint64_t number, bool leaf)
{
    struct level *level = &check->levels[depth];
    int r = take_pages(check, number, 1);
    if (r < 0) {
        return r;
    }
    if (!level->page) {
        level->page = malloc(check->page_size);
        if (!level->page) {
            return -ENOMEM;
        }
    }
    r = read_at(check, number * check->page_size, level->page, check->page_size);
    if (r < 0) {
        return r;
    }
    const uint8_t *page = level->page;
    size_t lower = bytes_get_u16(page + 12);
    size_t upper = bytes_get_u16(page + 14);
    if (bytes_get_u64(page) != number ||
        bytes_get_u16(page + 10) != (leaf ? FLAG_LEAF : FLAG_BRANCH)) {
        return damaged(check, number, "is not of the kind that it should be");
    }
    if (lower < PAGE_HEAD || lower % 2 != 0 || lower > upper || upper > check->page_size) {
        return damaged(check, number, "has wrong bounds");
    }
    level->number = number;
    level->keys = (lower - PAGE_HEAD) / 2;
    level->next = 0;
    if (level->keys < (leaf || check->free_tree ? 1 : 2)) {
        return damaged(check, number, "is empty");
    }
    check->found.branch_pages += leaf ? 0 : 1;
    check->found.leaf_pages += leaf ? 1 : 0;
    return check_nodes(check, level, leaf);
}

static int compare_keys(const struct check *check, const uint8_t *a, size_t a_size,
                        const uint8_t *b, size_t b_size)
{
    if (check->free_tree) {
        uint64_t x = bytes_get_u64(a);
        uint64_t y = bytes_get_u64(b);
        return (x > y) - (x < y);
    }
    int order = memcmp(a, b, a_size < b_size ? a_size : b_size);
    return order != 0 ? order : (a_size > b_size) - (a_size < b_size);
}

static int check_key(const struct check *check, const struct level *level, const struct node *node)
{
    if (node->key_size == 0 || (check->free_tree && node->key_size != sizeof(uint64_t))) {
        return damaged(check, level->number, "has a key of a wrong size");
    }
    if (check->has_last &&
        compare_keys(check, node->key, node->key_size, check->last.bytes, check->last.size) <= 0) {
        return damaged(check, level->number, "has keys out of order");
    }
    return 0;
}

static void keep_key(struct key *key, const struct node *node)
{
    key->size = node->key_size;
    memcpy(key->bytes, node->key, node->key_size);
}

/* Reads the value on overflow pages into check->value. */
static int read_big(struct check *check, const struct node *node)
{
    uint64_t needed = (PAGE_HEAD - 1 + (uint64_t)node->data_size) / check->page_size + 1;
    uint64_t size = needed * check->page_size;
    if (needed > check->file_pages || node->child > check->file_pages - needed) {
        return damaged(check, node->child, "is none of the file's");
    }
    if (size > check->value_capacity) {
        free(check->value);
        check->value_capacity = 0;
        check->value = malloc(size);
        if (!check->value) {
            return -ENOMEM;
        }
        check->value_capacity = size;
    }
    int r = read_at(check, node->child * check->page_size, check->value, size);
    if (r < 0) {
        return r;
    }
    uint64_t count = bytes_get_u32(check->value + 12);
    if (bytes_get_u64(check->value) != node->child ||
        bytes_get_u16(check->value + 10) != FLAG_OVERFLOW || count < needed) {
        return damaged(check, node->child, "is not of the kind that it should be");
    }
    check->found.overflow_pages += count;
    return take_pages(check, node->child, count);
}

/* A list of free pages: a count, then as many page numbers, falling. */
static int check_free_list(struct check *check, const struct level *level, const struct node *node,
                           const uint8_t *list)
{
    uint64_t count = node->data_size >= 8 ? bytes_get_u64(list) : 0;
    uint64_t txn = bytes_get_u64(node->key);
    if (node->data_size < 8 || node->data_size % 8 != 0 || count > node->data_size / 8 - 1 ||
        txn == 0 || txn > check->txn) {
        return damaged(check, level->number, "has a wrong list of free pages");
    }
    uint64_t before = NO_PAGE;
    for (uint64_t i = 1; i <= count; i++) {
        uint64_t page = bytes_get_u64(list + 8 * i);
        if (page >= before) {
            return damaged(check, level->number, "has a list of free pages out of order");
        }
        int r = take_pages(check, page, 1);
        if (r < 0) {
            return r;
        }
        before = page;
    }
    return 0;
}

static int check_leaf(struct check *check, const struct level *level)
{
    for (size_t i = 0; i < level->keys; i++) {
        struct node node = node_at(level->page, i, true);
        int r = check_key(check, level, &node);
        if (r < 0) {
            return r;
        }
        if (check->floor.size > 0 && compare_keys(check, node.key, node.key_size,
                                                  check->floor.bytes, check->floor.size) < 0) {
            return damaged(check, level->number, "has a key below its branch's");
        }
        check->floor.size = 0;
        check->has_last = true;
        keep_key(&check->last, &node);
        r = node.big ? read_big(check, &node) : 0;
        if (r < 0) {
            return r;
        }
        const uint8_t *value = node.big ? check->value + PAGE_HEAD : node.data;
        r = check->free_tree
                ? check_free_list(check, level, &node, value)
                : check->visit(check->context, node.key, node.key_size, value, node.data_size);
        if (r != 0) {
            return r;
        }
        check->found.entries++;
    }
    return 0;
}

/* Goes down to the next child of a branch. */
static int descend(struct check *check, size_t depth, size_t tree_depth)
{
    struct level *level = &check->levels[depth];
    struct node node = node_at(level->page, level->next, false);
    if (level->next > 0) {
        int r = check_key(check, level, &node);
        if (r < 0) {
            return r;
        }
        keep_key(&check->floor, &node);
    }
    level->next++;
    return load_page(check, depth + 1, node.child, depth + 2 == tree_depth);
}

static int walk(struct check *check, const struct root *root)
{
    check->found = (struct root){.depth = root->depth, .page = root->page};
    check->has_last = false;
    check->floor.size = 0;
    if (root->depth > DEPTH_MAX || (root->depth == 0) != (root->page == NO_PAGE)) {
        return damaged(check, root->page, "cannot be the root");
    }
    int r = root->depth > 0 ? load_page(check, 0, root->page, root->depth == 1) : 0;
    size_t open = root->depth > 0; /* levels open; the last of tree_depth is a leaf */
    while (r == 0 && open > 0) {
        struct level *level = &check->levels[open - 1];
        if (open == root->depth) {
            r = check_leaf(check, level);
            open--;
        } else if (level->next == level->keys) {
            open--;
        } else {
            r = descend(check, open - 1, root->depth);
            open++;
        }
    }
    if (r != 0) {
        return r;
    }
    const struct root *found = &check->found;
    check->used_pages += found->branch_pages + found->leaf_pages + found->overflow_pages;
    return found->branch_pages == root->branch_pages && found->leaf_pages == root->leaf_pages &&
                   found->overflow_pages == root->overflow_pages && found->entries == root->entries
               ? 0
               : damaged(check, root->page, "is the root of a tree with other counts");
}

static struct root root_at(const uint8_t *at)
{
    return (struct root){
        .depth = bytes_get_u16(at + 6),
        .branch_pages = bytes_get_u64(at + 8),
        .leaf_pages = bytes_get_u64(at + 16),
        .overflow_pages = bytes_get_u64(at + 24),
        .entries = bytes_get_u64(at + 32),
        .page = bytes_get_u64(at + 40),
    };
}

static int check_meta(const struct check *check, uint64_t number, const uint8_t *page)
{
    if (bytes_get_u64(page) != number || bytes_get_u16(page + 10) != FLAG_META ||
        bytes_get_u32(page + META_MAGIC_AT) != META_MAGIC ||
        bytes_get_u32(page + META_VERSION_AT) != META_VERSION) {
        return damaged(check, number, "is no meta page of this format");
    }
    if (bytes_get_u32(page + META_FREE_AT) != check->page_size ||
        bytes_get_u32(page + META_MAIN_AT) != 0 ||
        bytes_get_u16(page + META_FREE_AT + 4) != FREE_FLAGS ||
        bytes_get_u16(page + META_MAIN_AT + 4) != 0 ||
        bytes_get_u64(page + META_TXN_AT) > TXN_MAX) {
        return damaged(check, number, "is a meta page with other flags or page size");
    }
    return 0;
}

/* Reads the meta pages and leaves the newer one, which LMDB will use, in `page`. */
static int read_meta(struct check *check, uint8_t *page, uint8_t *other)
{
    uint8_t *pages[] = {page, other};
    for (uint64_t number = 0; number < 2; number++) {
        int r = read_at(check, number * check->page_size, pages[number], check->page_size);
        if (r < 0) {
            return r;
        }
        r = check_meta(check, number, pages[number]);
        if (r < 0) {
            return r;
        }
    }
    if (bytes_get_u64(other + META_TXN_AT) > bytes_get_u64(page + META_TXN_AT)) {
        memcpy(page, other, check->page_size);
    }
    return 0;
}

/* Reads the file in order, which fills the page cache and finds unreadable sectors. */
static int read_through(struct check *check, uint64_t size)
{
    for (uint64_t at = 0; at < size; at += READ_AHEAD) {
        size_t part = size - at < READ_AHEAD ? (size_t)(size - at) : READ_AHEAD;
        int r = read_at(check, at, check->scratch, part);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int check_file(struct check *check, struct pages_summary *ret_summary)
{
    struct stat status;
    if (fstat(check->fd, &status) < 0) {
        (void)error_set(check->error, ERROR_IO, "its size cannot be read");
        return -EIO;
    }
    uint64_t size = (uint64_t)status.st_size;
    check->scratch = malloc(READ_AHEAD);
    check->sizes = calloc(check->page_size / 2, sizeof *check->sizes);
    if (!check->scratch || !check->sizes) {
        return -ENOMEM;
    }
    uint8_t *meta = check->scratch;
    int r = read_meta(check, meta, meta + check->page_size);
    if (r < 0) {
        return r;
    }
    check->file_pages = size / check->page_size;
    uint64_t last = bytes_get_u64(meta + META_LAST_AT);
    struct root free_root = root_at(meta + META_FREE_AT);
    struct root main_root = root_at(meta + META_MAIN_AT);
    check->txn = bytes_get_u64(meta + META_TXN_AT);
    if (last == 0 || last >= check->file_pages + SLACK_PAGES) {
        return damaged(check, last, "cannot be the last one");
    }
    check->page_count = last + 1;
    check->used = calloc(last / 8 + 1, 1);
    if (!check->used) {
        return -ENOMEM;
    }
    r = read_through(check, size);
    if (r < 0) {
        return r;
    }
    r = walk(check, &main_root);
    if (r != 0) {
        return r;
    }
    check->free_tree = true;
    r = walk(check, &free_root);
    if (r < 0) {
        return r;
    }
    ret_summary->needed_bytes = check->page_count * check->page_size;
    ret_summary->used_pages = check->used_pages;
    return 0;
}

int pages_check(int fd, size_t page_size, pages_visit_fn visit, void *context,
                struct pages_summary *ret_summary, struct error *error)
{
    cleanup_free struct check *check = calloc(1, sizeof *check);
    if (!check) {
        return error_memory(error, "its check");
    }
    *check = (struct check){
        .fd = fd, .page_size = page_size, .visit = visit, .context = context, .error = error};
    int r = check_file(check, ret_summary);
    for (size_t i = 0; i < DEPTH_MAX; i++) {
        free(check->levels[i].page);
    }
    free(check->used);
    free(check->sizes);
    free(check->value);
    free(check->scratch);
    return r == -ENOMEM ? error_memory(error, "its check") : r;
}

uint64_t pages_overflow_bytes(size_t page_size, size_t key_size, size_t value_size)
{
    if (NODE_HEAD + key_size + value_size <= (page_size - PAGE_HEAD) / 2 - sizeof(uint16_t)) {
        return 0;
    }
    return ((PAGE_HEAD - 1 + (uint64_t)value_size) / page_size + 1) * page_size;
}
