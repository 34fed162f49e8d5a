/* SPDX-License-Identifier: Apache-2.0
 *
 * Directories of indexes: see index_directory.h.
 */
#include "retrieval/index_directory.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/whole_file.h"

static int failed(const char *path, int errnum, struct error *error)
{
    return error_io(error, errnum, "%.300s", error_file(path));
}

char *index_directory_path(const char *format, ...)
{
    char *path = NULL;
    va_list arguments;
    va_start(arguments, format);
    int size = vasprintf(&path, format, arguments);
    va_end(arguments);
    return size < 0 ? NULL : path;
}

int index_directory_make(const char *path, struct error *error)
{
    return mkdir(path, 0700) < 0 && errno != EEXIST ? failed(path, errno, error) : 0;
}

int index_directory_rename(const char *parent, const char *from, const char *to,
                           struct error *error)
{
    if (rename(from, to) < 0) {
        if (errno == EEXIST || errno == ENOTEMPTY) {
            return error_set(error, ERROR_CONFLICT, "'%.300s' exists already", error_file(to));
        }
        return failed(from, errno, error);
    }
    int r = whole_file_sync_names(parent);
    if (r < 0) {
        (void)rename(to, from); /* undone: nothing has changed */
        return failed(parent, -r, error);
    }
    return 0;
}

int index_directory_each(const char *path, int (*visit)(void *context, const char *name),
                         void *context, struct error *error)
{
    DIR *directory = opendir(path);
    if (!directory) {
        return failed(path, errno, error);
    }
    int r = 0;
    const struct dirent *entry = NULL;
    while (r >= 0) {
        errno = 0;
        entry = readdir(directory); /* NOLINT(concurrency-mt-unsafe): its own stream */
        if (!entry) {
            r = errno != 0 ? failed(path, errno, error) : 0;
            break;
        }
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            r = visit(context, entry->d_name);
        }
    }
    (void)closedir(directory);
    return r < 0 ? r : 0;
}
