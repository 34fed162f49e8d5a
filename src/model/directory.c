/* SPDX-License-Identifier: Apache-2.0
 *
 * Listing and opening beneath one directory: with openat2 and RESOLVE_BENEATH if the kernel has it,
 * otherwise component by component without following any symbolic link.
 */
#include "model/directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "model/parse.h"

bool package_path_ok(const char *path)
{
    size_t length = strlen(path);
    if (length < 1 || length >= PACKAGE_PATH_SIZE) {
        return false;
    }
    const char *start = path;
    for (const char *c = path;; c++) {
        if (*c == '/' || *c == '\0') {
            size_t size = (size_t)(c - start);
            bool dots = (size == 1 || size == 2) && strncmp(start, "..", size) == 0;
            if (size == 0 || dots) {
                return false;
            }
            start = c + 1;
        } else if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            return false;
        }
        if (*c == '\0') {
            return true;
        }
    }
}

/* For kernels before 5.6 and sandboxes without openat2. */
static int open_by_component(int root, const char *path, int flags)
{
    cleanup_fd int directory = fcntl(root, F_DUPFD_CLOEXEC, 0);
    const char *rest = path;
    for (const char *slash = strchr(rest, '/'); directory >= 0 && slash;
         slash = strchr(rest, '/')) {
        char name[NAME_MAX + 1];
        size_t length = (size_t)(slash - rest);
        if (length > NAME_MAX) {
            return -ENAMETOOLONG;
        }
        memcpy(name, rest, length);
        name[length] = '\0';
        int next = openat(directory, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int failure = errno;
        (void)close(directory);
        directory = next;
        errno = failure;
        rest = slash + 1;
    }
    if (directory < 0) {
        return -errno;
    }
    int fd = openat(directory, rest, flags | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* A descriptor, or a negative errno: -EXDEV or -ELOOP for a path that would leave the root. */
static int open_beneath(int root, const char *path, int flags)
{
    struct open_how how = {.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    for (int attempt = 0; attempt < 8; attempt++) {
        long fd = syscall(SYS_openat2, root, path, &how, sizeof how);
        if (fd >= 0) {
            return (int)fd;
        }
        if (errno == ENOSYS || errno == EPERM) {
            return open_by_component(root, path, flags);
        }
        if (errno != EAGAIN && errno != EINTR) {
            break;
        }
    }
    return -errno;
}

static int open_error(const char *path, int failure, struct error *error)
{
    char text[96];
    switch (-failure) {
    case EXDEV:
    case ELOOP:
        return error_set(error, ERROR_MALFORMED,
                         "'%.200s' is a symbolic link that leaves the package, which is refused; "
                         "copy the package with its links resolved (cp -rL)",
                         path);
    case ENOENT:
        return error_set(error, ERROR_NOT_FOUND, "'%.200s': no such file", path);
    default:
        return error_set(error, ERROR_IO, "'%.200s' cannot be opened: %s", path,
                         error_text(failure, text, sizeof text));
    }
}

int directory_open(const char *path, int *ret_fd, struct error *error)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        int failure = -errno;
        if (failure == -ENOTDIR) {
            return error_set(error, ERROR_MALFORMED,
                             "'%.200s' is not a directory; a model package is one, with the .onnx "
                             "file inside",
                             path);
        }
        return open_error(path, failure, error);
    }
    *ret_fd = fd;
    return 0;
}

int directory_open_file(int root, const char *path, int *ret_fd, uint64_t *ret_size,
                        struct error *error)
{
    if (!package_path_ok(path)) {
        return error_set(error, ERROR_MALFORMED, "'%.200s' is not a path inside a package", path);
    }
    /* O_NONBLOCK: a FIFO in place of the file must not block. */
    int opened = open_beneath(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (opened < 0) {
        return open_error(path, opened, error);
    }
    cleanup_fd int fd = opened;
    struct stat status;
    if (fstat(fd, &status) < 0) {
        return open_error(path, -errno, error);
    }
    if (!S_ISREG(status.st_mode)) {
        return error_set(error, ERROR_MALFORMED, "'%.200s' is not a regular file", path);
    }
    *ret_size = (uint64_t)status.st_size;
    *ret_fd = take_fd(&fd);
    return 0;
}

int directory_read(int root, const char *path, uint64_t limit, struct buffer *out,
                   struct error *error)
{
    cleanup_fd int fd = -1;
    uint64_t size = 0;
    int r = directory_open_file(root, path, &fd, &size, error);
    if (r < 0) {
        return r;
    }
    if (size > limit) {
        return error_set(error, ERROR_TOO_LARGE, "%s: %llu bytes are above the limit of %llu", path,
                         (unsigned long long)size, (unsigned long long)limit);
    }
    char *room = buffer_reserve(out, (size_t)size);
    if (!room && size > 0) {
        return error_memory(error, "a model package");
    }
    size_t done = 0;
    while (done < size) {
        ssize_t got = read(fd, room + done, (size_t)size - done);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return open_error(path, -errno, error);
        }
        if (got == 0) {
            return error_set(error, ERROR_CHANGED, "%s: became shorter while it was read", path);
        }
        done += (size_t)got;
    }
    out->size += done;
    return 0;
}

/* The directories still to read; a stack, no recursion. */
struct listing {
    int root;
    char **pending; /* owned, each owned; "" is the root */
    size_t pending_count;
    size_t directory_count;
    struct model_spec *spec;
    struct error *error;
};

static void cleanup_listing_function(struct listing *listing)
{
    for (size_t i = 0; i < listing->pending_count; i++) {
        free(listing->pending[i]);
    }
    free(listing->pending);
}
#define cleanup_listing __attribute__((cleanup(cleanup_listing_function)))

static int push_directory(struct listing *listing, const char *path)
{
    size_t depth = path[0] == '\0' ? 0 : 1;
    for (const char *c = path; *c; c++) {
        depth += *c == '/' ? 1 : 0;
    }
    if (depth > PACKAGE_DEPTH_MAX || listing->directory_count >= LIMIT_PACKAGE_FILES) {
        return error_set(listing->error, ERROR_TOO_LARGE,
                         "the package has more than %d directories below each other, or %u in all, "
                         "at '%.200s'",
                         PACKAGE_DEPTH_MAX, LIMIT_PACKAGE_FILES, path);
    }
    char **pending = reallocarray(listing->pending, listing->pending_count + 1, sizeof *pending);
    if (!pending) {
        return error_memory(listing->error, "a model package");
    }
    listing->pending = pending;
    char *copy = strdup(path);
    if (!copy) {
        return error_memory(listing->error, "a model package");
    }
    listing->pending[listing->pending_count++] = copy;
    listing->directory_count++;
    return 0;
}

static int add_file(struct listing *listing, const char *path, off_t size)
{
    struct model_spec *spec = listing->spec;
    if (spec->file_count >= LIMIT_PACKAGE_FILES) {
        return error_set(listing->error, ERROR_TOO_LARGE,
                         "the package has more than %u files, the limit", LIMIT_PACKAGE_FILES);
    }
    struct model_file *files = reallocarray(spec->files, spec->file_count + 1, sizeof *files);
    if (!files) {
        return error_memory(listing->error, "a model package");
    }
    spec->files = files;
    struct model_file *file = &files[spec->file_count];
    *file = (struct model_file){.path = strdup(path), .size_bytes = (uint64_t)size};
    if (!file->path) {
        return error_memory(listing->error, "a model package");
    }
    spec->file_count++;
    if (__builtin_add_overflow(spec->size_bytes, file->size_bytes, &spec->size_bytes)) {
        return error_set(listing->error, ERROR_TOO_LARGE, "the package's files are too large");
    }
    return 0;
}

/* A link counts as the regular file beneath the package that it points to; otherwise it is refused.
 */
static int add_link(struct listing *listing, const char *path)
{
    int opened = open_beneath(listing->root, path, O_PATH);
    if (opened == -ENOENT) {
        return error_set(listing->error, ERROR_MALFORMED,
                         "'%.200s' is a symbolic link that leads nowhere", path);
    }
    if (opened < 0) {
        return open_error(path, opened, listing->error);
    }
    cleanup_fd int fd = opened;
    struct stat status;
    if (fstat(fd, &status) < 0) {
        return open_error(path, -errno, listing->error);
    }
    if (!S_ISREG(status.st_mode)) {
        return error_set(listing->error, ERROR_MALFORMED,
                         "'%.200s' is a symbolic link to something that is not a regular file",
                         path);
    }
    return add_file(listing, path, status.st_size);
}

static int add_entry(struct listing *listing, int directory, const char *parent, const char *name)
{
    char path[PACKAGE_PATH_SIZE];
    int length = snprintf(path, sizeof path, "%s%s%s", parent, parent[0] ? "/" : "", name);
    if (length < 0 || (size_t)length >= sizeof path || !package_path_ok(path)) {
        return error_set(listing->error, ERROR_MALFORMED,
                         "the package has a file name too long or with control characters, in "
                         "'%.200s'",
                         parent);
    }
    struct stat status;
    if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
        return open_error(path, -errno, listing->error);
    }
    if (S_ISREG(status.st_mode)) {
        return add_file(listing, path, status.st_size);
    }
    if (S_ISDIR(status.st_mode)) {
        return push_directory(listing, path);
    }
    if (S_ISLNK(status.st_mode)) {
        return add_link(listing, path);
    }
    return error_set(listing->error, ERROR_MALFORMED,
                     "'%.200s' is neither a regular file nor a directory", path);
}

static void cleanup_dir_function(DIR **stream)
{
    if (*stream) {
        (void)closedir(*stream);
    }
}
#define cleanup_dir __attribute__((cleanup(cleanup_dir_function)))

static int list_one(struct listing *listing, const char *path)
{
    int opened =
        open_beneath(listing->root, path[0] ? path : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (opened < 0) {
        return open_error(path, opened, listing->error);
    }
    cleanup_dir DIR *stream = fdopendir(opened);
    if (!stream) {
        (void)close(opened);
        return error_memory(listing->error, "a model package");
    }
    for (;;) {
        errno = 0;
        /* Only this call uses the stream. NOLINTNEXTLINE(concurrency-mt-unsafe) */
        const struct dirent *entry = readdir(stream);
        if (!entry) {
            return errno ? open_error(path, -errno, listing->error) : 0;
        }
        if (entry->d_name[0] == '.') {
            continue;
        }
        int r = add_entry(listing, opened, path, entry->d_name);
        if (r < 0) {
            return r;
        }
    }
}

static int compare_files(const void *a, const void *b)
{
    const struct model_file *left = a;
    const struct model_file *right = b;
    return strcmp(left->path, right->path);
}

int directory_list(int root, struct model_spec *spec, struct error *error)
{
    cleanup_listing struct listing listing = {.root = root, .spec = spec, .error = error};
    int r = push_directory(&listing, "");
    while (r == 0 && listing.pending_count > 0) {
        cleanup_free char *path = listing.pending[--listing.pending_count];
        r = list_one(&listing, path);
    }
    if (r < 0) {
        return r;
    }
    if (spec->file_count > 0) {
        qsort(spec->files, spec->file_count, sizeof *spec->files, compare_files);
    }
    return 0;
}
