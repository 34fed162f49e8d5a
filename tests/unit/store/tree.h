/* SPDX-License-Identifier: Apache-2.0
 *
 * A temporary directory tree for the store's tests, and the same objects in memory. Included once
 * by each test program; failures end the test with cmocka's asserts.
 */
#ifndef SITU_TESTS_STORE_TREE_H
#define SITU_TESTS_STORE_TREE_H

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/dir/dir.h"
#include "store/mem/mem.h"
#include "store/store.h"

struct tree {
    char root[64];
    struct store *dir;
    struct store *mem;
};

static inline void tree_open(struct tree *tree)
{
    struct error error;
    (void)snprintf(tree->root, sizeof tree->root, "/tmp/situ-store-XXXXXX");
    assert_non_null(mkdtemp(tree->root));
    assert_int_equal(store_dir_open(tree->root, &tree->dir, &error), 0);
    assert_int_equal(store_mem_new(&tree->mem), 0);
}

static inline int tree_remove_one(const char *path, const struct stat *info, int type,
                                  struct FTW *where)
{
    (void)info;
    (void)type;
    (void)where;
    return remove(path);
}

static inline void tree_close(struct tree *tree)
{
    store_close(tree->dir);
    store_close(tree->mem);
    assert_int_equal(nftw(tree->root, tree_remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static inline int tree_setup(void **state)
{
    struct tree *tree = calloc(1, sizeof *tree);
    assert_non_null(tree);
    tree_open(tree);
    *state = tree;
    return 0;
}

static inline int tree_teardown(void **state)
{
    (void)alarm(0);
    tree_close(*state);
    free(*state);
    return 0;
}

/* The path of a key in the file system, in the caller's buffer. */
static inline const char *tree_path(const struct tree *tree, const char *key, char *buffer,
                                    size_t size)
{
    (void)snprintf(buffer, size, "%s/%s", tree->root, key);
    return buffer;
}

static inline void tree_write(const char *path, const void *bytes, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), size);
    assert_int_equal(close(fd), 0);
}

/* Creates the directories of a key; false if a file is in the way. */
static inline bool tree_make_way(const struct tree *tree, const char *key)
{
    char path[2048];
    (void)tree_path(tree, key, path, sizeof path);
    for (char *slash = strchr(path + strlen(tree->root) + 1, '/'); slash;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        struct stat info;
        if (mkdir(path, 0700) < 0 && (stat(path, &info) < 0 || !S_ISDIR(info.st_mode))) {
            return false;
        }
        *slash = '/';
    }
    return true;
}

/* Puts an object into both stores. */
static inline void tree_put(const struct tree *tree, const char *key, const char *text)
{
    char path[2048];
    assert_true(tree_make_way(tree, key));
    tree_write(tree_path(tree, key, path, sizeof path), text, strlen(text));
    assert_int_equal(store_mem_put(tree->mem, key, text, strlen(text)), 0);
}

static inline struct store *tree_store(const struct tree *tree, bool dir)
{
    return dir ? tree->dir : tree->mem;
}

#endif
