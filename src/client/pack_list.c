/* SPDX-License-Identifier: Apache-2.0
 *
 * Walks a package's directory. Hidden files (.git, .cache) are skipped, as are the weights of other
 * frameworks that hubs store with the ONNX model, which can be much larger.
 */
#include "client/pack_list.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/limits.h"

enum { WALK_DIRECTORIES_MAX = 4096 };

/* Directories still to read, as names in the package ("" is the top); owned. */
struct walk {
    const char *root;
    char **names;
    size_t count;
    size_t seen;
};

static bool left_out(const char *name)
{
    static const char *const patterns[] = {".*",
                                           "*.safetensors",
                                           "*.h5",
                                           "*.msgpack",
                                           "*.pt",
                                           "*.pth",
                                           "*.ckpt",
                                           "*.tflite",
                                           "*.ot",
                                           "pytorch_model*.bin",
                                           "open_clip_pytorch_model*.bin"};
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        if (fnmatch(patterns[i], name, 0) == 0) {
            return true;
        }
    }
    return false;
}

static int fail_path(struct situ_error *error, const char *path)
{
    char text[128];
    return client_fail(error, SITU_IO, "%s: %s", path, error_text(errno, text, sizeof text));
}

/* Owns both strings, also after a failure. */
static int add_file(struct pack *pack, char *path, char *name, uint64_t size_bytes,
                    struct situ_error *error)
{
    struct pack_file *files = NULL;
    if (path && name && pack->count < LIMIT_PACKAGE_FILES) {
        files = reallocarray(pack->files, pack->count + 1, sizeof *files);
    }
    if (!files) {
        bool many = pack->count >= LIMIT_PACKAGE_FILES;
        free(path);
        free(name);
        return many ? client_fail(error, SITU_TOO_LARGE,
                                  "the package has more than %u files; give a directory that holds "
                                  "only the model",
                                  LIMIT_PACKAGE_FILES)
                    : client_fail_memory(error);
    }
    pack->files = files;
    files[pack->count++] = (struct pack_file){.path = path, .name = name, .size_bytes = size_bytes};
    return 0;
}

static int push(struct walk *walk, char *name, struct situ_error *error)
{
    char **names = NULL;
    if (name && walk->seen < WALK_DIRECTORIES_MAX) {
        names = reallocarray(walk->names, walk->count + 1, sizeof *names);
    }
    if (!names) {
        bool many = walk->seen >= WALK_DIRECTORIES_MAX;
        free(name);
        return many ? client_fail(error, SITU_TOO_LARGE, "%s: more than %d directories", walk->root,
                                  WALK_DIRECTORIES_MAX)
                    : client_fail_memory(error);
    }
    walk->names = names;
    names[walk->count++] = name;
    walk->seen++;
    return 0;
}

static int visit(struct pack *pack, struct walk *walk, const char *directory, const char *entry,
                 struct situ_error *error)
{
    cleanup_free char *name = NULL;
    cleanup_free char *path = NULL;
    struct stat link;
    struct stat status;

    if (left_out(entry)) {
        return 0;
    }
    if (asprintf(&name, "%s%s%s", directory, directory[0] ? "/" : "", entry) < 0) {
        name = NULL;
        return client_fail_memory(error);
    }
    if (asprintf(&path, "%s/%s", walk->root, name) < 0) {
        path = NULL;
        return client_fail_memory(error);
    }
    if (lstat(path, &link) != 0 || stat(path, &status) != 0) {
        return fail_path(error, path);
    }
    if (S_ISDIR(link.st_mode)) {
        return push(walk, take_ptr(name), error);
    }
    if (S_ISREG(status.st_mode)) {
        return add_file(pack, take_ptr(path), take_ptr(name), (uint64_t)status.st_size, error);
    }
    return 0;
}

static int read_directory(struct pack *pack, struct walk *walk, const char *directory,
                          struct situ_error *error)
{
    cleanup_free char *path = NULL;
    if (asprintf(&path, "%s/%s", walk->root, directory) < 0) {
        path = NULL;
        return client_fail_memory(error);
    }
    DIR *stream = opendir(path);
    if (!stream) {
        return fail_path(error, path);
    }
    int r = 0;
    while (r == 0) {
        errno = 0;
        /* NOLINTNEXTLINE(concurrency-mt-unsafe): each stream has one thread */
        const struct dirent *entry = readdir(stream);
        if (!entry) {
            r = errno ? fail_path(error, path) : 0;
            break;
        }
        r = visit(pack, walk, directory, entry->d_name, error);
    }
    (void)closedir(stream);
    return r;
}

static int list_directory(struct pack *pack, const char *path, struct situ_error *error)
{
    struct walk walk = {.root = path};
    int r = push(&walk, strdup(""), error);
    while (r == 0 && walk.count > 0) {
        cleanup_free char *directory = walk.names[--walk.count];
        r = read_directory(pack, &walk, directory, error);
    }
    while (walk.count > 0) {
        free(walk.names[--walk.count]);
    }
    free(walk.names);
    return r;
}

/* model.onnx, and its external data under the names that exporters use. */
static int list_model_file(struct pack *pack, const char *path, uint64_t size_bytes,
                           struct situ_error *error)
{
    static const char *const suffixes[] = {"_data", ".data"};
    int r = add_file(pack, strdup(path), strdup("model.onnx"), size_bytes, error);
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    for (size_t i = 0; r == 0 && i < sizeof suffixes / sizeof suffixes[0]; i++) {
        struct stat status;
        char *data = NULL;
        char *name = NULL;
        if (asprintf(&data, "%s%s", path, suffixes[i]) < 0 ||
            asprintf(&name, "%s%s", base, suffixes[i]) < 0) {
            return client_fail_memory(error);
        }
        if (stat(data, &status) == 0 && S_ISREG(status.st_mode)) {
            r = add_file(pack, data, name, (uint64_t)status.st_size, error);
        } else {
            free(data);
            free(name);
        }
    }
    return r;
}

static int by_name(const void *left, const void *right)
{
    return strcmp(((const struct pack_file *)left)->name, ((const struct pack_file *)right)->name);
}

int pack_list(struct pack *pack, const char *path, struct situ_error *error)
{
    struct stat status;
    if (stat(path, &status) != 0) {
        return fail_path(error, path);
    }
    bool model_file = S_ISREG(status.st_mode) && fnmatch("*.onnx", path, 0) == 0;
    if (!model_file && !S_ISDIR(status.st_mode)) {
        return client_fail(error, SITU_USAGE,
                           "%s: give the directory of a model package, or an .onnx file", path);
    }
    int r = model_file ? list_model_file(pack, path, (uint64_t)status.st_size, error)
                       : list_directory(pack, path, error);
    if (r) {
        return r;
    }
    bool found = false;
    for (size_t i = 0; i < pack->count; i++) {
        found |= fnmatch("*.onnx", pack->files[i].name, 0) == 0;
    }
    if (!found) {
        return client_fail(error, SITU_USAGE, "%s: there is no .onnx file in it", path);
    }
    qsort(pack->files, pack->count, sizeof *pack->files, by_name);
    return 0;
}
