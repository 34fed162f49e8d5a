/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes the files of a package, on tasks.
 */
#include "api/models/package_upload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/json.h"
#include "base/limits.h"
#include "infer/models.h"
#include "model/package.h"
#include "wire/tar.h"

enum { COPY_BYTES = 1 << 20 };

struct package_upload {
    char *directory;  /* owned */
    int directory_fd; /* owned */
    int file;         /* owned; the file being written */
    char path[TAR_PATH_SIZE];
    bool taken;
    uint64_t limit_bytes;
    struct tasks *tasks; /* borrowed */
    struct error error;  /* the first error */
    struct tar_reader reader;
};

static int write_error(struct error *error, const char *path)
{
    char text[64];
    enum error_code code = errno == EEXIST ? ERROR_MALFORMED : error_io_code(errno);
    return error_set(error, code, "cannot write %.200s of the package: %s", path,
                     error_text(errno, text, sizeof text));
}

/* Creates the directories of a path that tar_path_ok() has checked. */
static int make_parents(struct package_upload *upload, const char *path, struct error *error)
{
    char part[TAR_PATH_SIZE];
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        (void)snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
        if (mkdirat(upload->directory_fd, part, 0700) < 0 && errno != EEXIST) {
            return write_error(error, part);
        }
    }
    return 0;
}

static int begin_file(struct package_upload *upload, const char *path, struct error *error)
{
    int r = make_parents(upload, path, error);
    if (r < 0) {
        return r;
    }
    (void)snprintf(upload->path, sizeof upload->path, "%s", path);
    upload->file = openat(upload->directory_fd, path,
                          O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return upload->file < 0 ? write_error(error, path) : 0;
}

static int write_all(struct package_upload *upload, const char *bytes, size_t size,
                     struct error *error)
{
    while (size > 0) {
        ssize_t written = write(upload->file, bytes, size);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            return write_error(error, upload->path);
        }
        bytes += written;
        size -= (size_t)written;
    }
    return 0;
}

static int end_file(struct package_upload *upload, struct error *error)
{
    int r = close(upload->file) < 0 ? write_error(error, upload->path) : 0;
    upload->file = -1;
    return r;
}

static int on_entry(void *context, const struct tar_entry *entry, struct error *error)
{
    struct package_upload *upload = context;
    if (!entry->directory) {
        return begin_file(upload, entry->path, error);
    }
    int r = make_parents(upload, entry->path, error);
    if (r == 0 && mkdirat(upload->directory_fd, entry->path, 0700) < 0 && errno != EEXIST) {
        r = write_error(error, entry->path);
    }
    return r;
}

static int on_data(void *context, const void *bytes, size_t size, struct error *error)
{
    return write_all(context, bytes, size, error);
}

static int on_file_end(void *context, struct error *error)
{
    return end_file(context, error);
}

int package_upload_new(char *directory, uint64_t limit_bytes, struct tasks *tasks,
                       struct package_upload **ret_upload)
{
    static const struct tar_receiver receiver = {
        .begin = on_entry, .data = on_data, .end = on_file_end};
    struct package_upload *upload = calloc(1, sizeof *upload);
    if (!upload) {
        models_add_discard(directory);
        free(directory);
        return -ENOMEM;
    }
    upload->directory = directory;
    upload->limit_bytes = limit_bytes;
    upload->tasks = tasks;
    upload->file = -1;
    upload->directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (upload->directory_fd < 0) {
        int r = -errno;
        package_upload_free(upload);
        return r;
    }
    tar_reader_init(&upload->reader, &receiver, upload, limit_bytes, LIMIT_PACKAGE_FILES * 2);
    *ret_upload = upload;
    return 0;
}

/* Unlinking up to 4 GiB takes time. */
static void free_all(void *argument)
{
    struct package_upload *upload = argument;
    if (upload->file >= 0) {
        (void)close(upload->file);
    }
    if (upload->directory_fd >= 0) {
        (void)close(upload->directory_fd);
    }
    if (!upload->taken) {
        models_add_discard(upload->directory);
    }
    free(upload->directory);
    free(upload);
}

void package_upload_free(struct package_upload *upload)
{
    if (!upload) {
        return;
    }
    if (upload->taken || tasks_start(upload->tasks, free_all, upload) < 0) {
        free_all(upload);
    }
}

int package_upload_feed(struct package_upload *upload, const void *bytes, size_t size)
{
    return upload->error.code != ERROR_NONE
               ? error_code_errno(upload->error.code)
               : tar_reader_feed(&upload->reader, bytes, size, &upload->error);
}

int package_upload_finish(struct package_upload *upload, struct error *error)
{
    if (upload->error.code == ERROR_NONE) {
        int r = tar_reader_finish(&upload->reader, &upload->error);
        if (r == 0) {
            return 0;
        }
    }
    *error = upload->error;
    return error_code_errno(error->code);
}

/* Opens the file under the rules by which the package was read, so that a symbolic link made since
 * then is refused. */
static int copy_file(struct package_upload *upload, const char *directory, const char *path,
                     char *piece, struct error *error)
{
    cleanup_fd int from = -1;
    int r = model_package_open(directory, path, &from, error);
    if (r < 0) {
        return r;
    }
    r = begin_file(upload, path, error);
    for (ssize_t size = 1; size > 0 && r == 0;) {
        size = read(from, piece, COPY_BYTES);
        r = size < 0 ? error_set(error, ERROR_IO, "cannot read %.200s", path)
                     : write_all(upload, piece, (size_t)size, error);
    }
    return r == 0 ? end_file(upload, error) : r;
}

static bool is_beneath(const char *path, const char *root)
{
    size_t length = strlen(root);
    return strncmp(path, root, length) == 0 && (path[length] == '/' || strcmp(root, "/") == 0);
}

int package_upload_copy(struct package_upload *upload, const char *root, const char *path,
                        struct error *error)
{
    cleanup_free char *real_root = root ? realpath(root, NULL) : NULL;
    cleanup_free char *real = realpath(path, NULL);
    if (!real_root || !real || !is_beneath(real, real_root)) {
        return error_set(error, ERROR_FORBIDDEN,
                         "%.200s is not beneath the import root; send the package instead", path);
    }
    struct model_spec *spec = NULL;
    int r = model_package_read(real, "tensor", &spec, error);
    if (r == -EINVAL) { /* a package with settings of its own takes no preset */
        r = model_package_read(real, NULL, &spec, error);
    }
    if (r < 0) {
        return r;
    }
    cleanup_free char *piece = malloc(COPY_BYTES);
    if (!piece) {
        r = error_memory(error, NULL);
    } else if (spec->size_bytes > upload->limit_bytes) {
        r = error_set(error, ERROR_TOO_LARGE, "the package is larger than %llu bytes",
                      (unsigned long long)upload->limit_bytes);
    }
    for (size_t i = 0; i < spec->file_count && r == 0; i++) {
        r = copy_file(upload, real, spec->files[i].path, piece, error);
    }
    model_spec_free(spec);
    return r;
}

int package_upload_preset(struct package_upload *upload, const char *preset, struct error *error)
{
    cleanup_buffer struct buffer text = BUFFER_INIT;
    buffer_append_text(&text, "{\"preset\": "); /* with a blank: the package's digest has it */
    json_put_string(&JSON_WRITER(&text), NULL, preset);
    buffer_append_text(&text, "}\n");
    int r = begin_file(upload, "situ.json", error);
    if (r < 0) {
        return error_set(error, ERROR_MALFORMED,
                         "the package has a situ.json of its own: leave the preset out");
    }
    r = write_all(upload, text.data, text.size, error);
    return r == 0 ? end_file(upload, error) : r;
}

int package_upload_sync(struct package_upload *upload, struct error *error)
{
    return syncfs(upload->directory_fd) < 0 ? write_error(error, "the directory") : 0;
}

const char *package_upload_directory(const struct package_upload *upload)
{
    return upload->directory;
}

void package_upload_take(struct package_upload *upload)
{
    upload->taken = true;
}
