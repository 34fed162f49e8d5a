/* SPDX-License-Identifier: Apache-2.0
 *
 * The way from a path to an environment, and LMDB's errors in our words.
 */
#include "mdb/datafile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* The survey knows the pages that LMDB 0.9 writes (data version 1), of releases 0.9.24 to 0.9.33;
 * LMDB 1.0 writes others. The shared library is asked again at run time. */
#if MDB_VERSION_MAJOR != 0 || MDB_VERSION_MINOR != 9
#error "pages.c knows the files of LMDB 0.9 only: compare the format, then widen this check"
#endif

enum { PATH_ROOM = 4096 };

static int data_path(const char *directory, char path[PATH_ROOM], struct error *error)
{
    int size = snprintf(path, PATH_ROOM, "%s/data.mdb", directory);
    return size > 0 && size < PATH_ROOM ? 0
                                        : error_set(error, ERROR_MALFORMED, "the path is too long");
}

const char *datafile_error_text(int code, char *buffer, size_t size)
{
    if (code > 0) {
        return error_text(code, buffer, size);
    }
    (void)snprintf(buffer, size, "%s", mdb_strerror(code));
    return buffer;
}

static enum error_code error_code_of(int code)
{
    switch (code) {
    case ENOSPC:
    case EDQUOT:
    case MDB_MAP_FULL:
        return ERROR_NO_SPACE;
    case ENOMEM:
        return ERROR_MEMORY;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
        return ERROR_MALFORMED;
    default:
        return ERROR_IO;
    }
}

int datafile_failed(struct error *error, int code, const char *what, const char *deed)
{
    char text[DATAFILE_TEXT_SIZE];
    return error_set(error, error_code_of(code), "%s cannot be %s: %s", what, deed,
                     datafile_error_text(code, text, sizeof text));
}

int datafile_survey(const char *directory, pages_visit_fn visit, void *context,
                    struct pages_summary *ret_summary, struct error *error)
{
    char path[PATH_ROOM];
    int r = data_path(directory, path, error);
    if (r < 0) {
        return r;
    }
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        char text[DATAFILE_TEXT_SIZE];
        return errno == ENOENT ? -ENOENT
                               : error_set(error, ERROR_IO, "the data file cannot be opened: %s",
                                           error_text(errno, text, sizeof text));
    }
    struct stat status;
    if (fstat(fd, &status) == 0 && status.st_size == 0) {
        return -ENOENT; /* made, and nothing committed */
    }
    struct error detail = {.code = ERROR_NONE};
    r = pages_check(fd, (size_t)sysconf(_SC_PAGESIZE), visit, context, ret_summary, &detail);
    if (r == -EBADMSG || r == -EIO) {
        (void)error_set(error, ERROR_MALFORMED, "the data file is damaged: %.300s", detail.message);
        return -EBADMSG;
    }
    if (r < 0) {
        *error = detail;
    }
    return r;
}

/* Pages at the end that were never written are missing from the file: a touch would be SIGBUS. */
static int lengthen(const struct datafile_options *options, struct error *error)
{
    char path[PATH_ROOM];
    int r = data_path(options->directory, path, error);
    if (r < 0 || options->needed_bytes == 0) {
        return r;
    }
    cleanup_fd int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) < 0 ||
        ((uint64_t)status.st_size < options->needed_bytes &&
         ftruncate(fd, (off_t)options->needed_bytes) < 0)) {
        return datafile_failed(error, errno, options->what, "brought to its full length");
    }
    return 0;
}

static int check_library(struct error *error)
{
    int major = -1;
    int minor = -1;
    const char *version = mdb_version(&major, &minor, NULL);
    return major == MDB_VERSION_MAJOR && minor == MDB_VERSION_MINOR
               ? 0
               : error_set(error, ERROR_UNAVAILABLE,
                           "this build of situ can check files of LMDB 0.9 only, the library is %s",
                           version);
}

int datafile_map(const struct datafile_options *options, MDB_env **ret_env, struct error *error)
{
    MDB_env *env = NULL;
    int r = check_library(error);
    if (r < 0) {
        return r;
    }
    r = lengthen(options, error);
    if (r < 0) {
        return r;
    }
    int code = mdb_env_create(&env);
    if (code == 0) {
        code = mdb_env_set_mapsize(env, options->limit_bytes);
    }
    if (code == 0) {
        code = mdb_env_set_maxreaders(env, options->readers + 1);
    }
    if (code == 0) {
        code =
            mdb_env_open(env, options->directory, MDB_NOTLS | MDB_NOMETASYNC | MDB_NORDAHEAD, 0600);
    }
    if (code != 0) {
        mdb_env_close(env);
        return datafile_failed(error, code, options->what, "opened");
    }
    *ret_env = env;
    return 0;
}
