/* SPDX-License-Identifier: Apache-2.0
 *
 * The steps of datafile.h, and LMDB's errors in situ's words.
 */
#include "mdb/datafile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mdb/files.h"

/* The survey knows the pages that LMDB 0.9 writes (data version 1), of releases 0.9.24 to 0.9.33;
 * LMDB 1.0 writes others. The shared library is asked again at run time. */
#if MDB_VERSION_MAJOR != 0 || MDB_VERSION_MINOR != 9
#error "pages.c knows the files of LMDB 0.9 only: compare the format, then widen this check"
#endif

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
        return error_io_code(code);
    }
}

int datafile_failed(const struct datafile *file, int code, const char *deed, struct error *error)
{
    char text[DATAFILE_TEXT_SIZE];
    return error_set(error, error_code_of(code), "%s cannot be %s: %s", file->options.what, deed,
                     datafile_error_text(code, text, sizeof text));
}

static int check_path(const char *directory, const char *what, struct error *error)
{
    return directory[0] != '\0' && strlen(directory) < DATAFILE_PATH_SIZE
               ? 0
               : error_set(error, ERROR_MALFORMED, "%s's path is empty or too long", what);
}

int datafile_init(struct datafile *file, const struct datafile_options *options,
                  struct error *error)
{
    *file = (struct datafile){.options = *options, .lock_fd = -1};
    size_t size = strlen(options->directory);
    int r = check_path(options->directory, options->what, error);
    if (r < 0) {
        return r;
    }
    memcpy(file->directory, options->directory, size + 1);
    while (size > 1 && file->directory[size - 1] == '/') {
        file->directory[--size] = '\0';
    }
    file->options.directory = file->directory;
    return readers_init(&file->readers, options->readers, options->readers_wait) < 0
               ? error_memory(error, options->what)
               : 0;
}

void datafile_done(struct datafile *file)
{
    if (file->readers.idle) {
        datafile_close(file);
        readers_done(&file->readers);
    }
}

int datafile_lock(struct datafile *file, struct error *error)
{
    return files_lock(file->directory, file->options.what, &file->lock_fd, error);
}

struct survey {
    pages_visit_fn visit;
    void *context;
    uint64_t entries;
};

static int survey_entry(void *context, const void *key, size_t key_size, const uint8_t *value,
                        size_t size)
{
    struct survey *survey = context;
    survey->entries++;
    return survey->visit(survey->context, key, key_size, value, size);
}

int datafile_survey(struct datafile *file, pages_visit_fn visit, void *context, struct error *error)
{
    struct survey survey = {.visit = visit, .context = context};
    struct pages_summary summary;
    struct error detail = {.code = ERROR_NONE};
    char path[FILES_PATH_SIZE];
    char text[DATAFILE_TEXT_SIZE];
    struct stat status;
    file->needed_bytes = 0;
    files_path(file->directory, FILES_DATA, path);
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return errno == ENOENT ? -ENOENT
                               : error_set(error, ERROR_IO, "the data file cannot be opened: %s",
                                           error_text(errno, text, sizeof text));
    }
    if (fstat(fd, &status) == 0 && status.st_size == 0) {
        return -ENOENT; /* made, and nothing committed */
    }
    int r =
        pages_check(fd, (size_t)sysconf(_SC_PAGESIZE), survey_entry, &survey, &summary, &detail);
    if (r == -EBADMSG || r == -EIO) {
        (void)error_set(error, ERROR_MALFORMED, "the data file is damaged: %.300s",
                        detail.code == ERROR_NONE ? "an entry has a wrong checksum or form"
                                                  : detail.message);
        return -EBADMSG;
    }
    if (r < 0) {
        *error = detail;
        return r;
    }
    if (survey.entries == 0) {
        return -ENOENT; /* ended between making the file and its first commit */
    }
    file->needed_bytes = summary.needed_bytes;
    return 0;
}

/* Pages at the end that were never written are missing from the file: a touch would be SIGBUS. */
static int lengthen(const struct datafile *file, struct error *error)
{
    char path[FILES_PATH_SIZE];
    files_path(file->directory, FILES_DATA, path);
    cleanup_fd int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) < 0 ||
        ((uint64_t)status.st_size < file->needed_bytes &&
         ftruncate(fd, (off_t)file->needed_bytes) < 0)) {
        return datafile_failed(file, errno, "brought to its full length", error);
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

/* This and the next return LMDB's code. */
static int open_environment(const struct datafile *file, uint64_t limit_bytes, MDB_env *env)
{
    unsigned flags = MDB_NOTLS | MDB_NORDAHEAD | (file->options.durable ? 0 : MDB_NOMETASYNC);
    int code = mdb_env_set_mapsize(env, limit_bytes > file->needed_bytes ? limit_bytes
                                                                         : file->needed_bytes);
    if (code != 0) {
        return code;
    }
    code = mdb_env_set_maxreaders(env, file->options.readers + 1);
    return code == 0 ? mdb_env_open(env, file->directory, flags, 0600) : code;
}

static int open_database(MDB_env *env, const struct datafile_entry *first, MDB_dbi *ret_dbi)
{
    MDB_txn *txn = NULL;
    int code = mdb_txn_begin(env, NULL, 0, &txn);
    if (code != 0) {
        return code;
    }
    code = mdb_dbi_open(txn, NULL, 0, ret_dbi);
    if (code == 0 && first) {
        struct datafile_entry entry = *first;
        code = mdb_put(txn, *ret_dbi, &entry.name, &entry.value, 0);
    }
    if (code != 0) {
        mdb_txn_abort(txn);
        return code;
    }
    return mdb_txn_commit(txn);
}

int datafile_map(struct datafile *file, uint64_t limit_bytes, const struct datafile_entry *first,
                 struct error *error)
{
    const char *what = file->options.what;
    bool is_new = file->needed_bytes == 0;
    MDB_env *env = NULL;
    int r = check_library(error);
    if (r < 0) {
        return r;
    }
    r = is_new ? files_remove(file->directory, what, error) : lengthen(file, error);
    if (r < 0) {
        return r;
    }
    r = files_reserve_lock(file->directory, what, file->options.readers + 1, error);
    if (r < 0) {
        return r;
    }
    int code = mdb_env_create(&env);
    if (code == 0) {
        code = open_environment(file, limit_bytes, env);
    }
    if (code == 0) {
        code = open_database(env, is_new ? first : NULL, &file->dbi);
    }
    if (code != 0) {
        mdb_env_close(env);
        return datafile_failed(file, code, "opened", error);
    }
    file->env = env;
    readers_open(&file->readers, env);
    return 0;
}

static void unmap(struct datafile *file)
{
    readers_close(&file->readers);
    if (file->env) {
        mdb_env_close(take_ptr(file->env));
    }
}

void datafile_close(struct datafile *file)
{
    unmap(file);
    if (file->lock_fd >= 0) {
        (void)close(take_fd(&file->lock_fd));
    }
}

int datafile_clear(struct datafile *file, struct error *error)
{
    file->needed_bytes = 0;
    return files_remove(file->directory, file->options.what, error);
}

int datafile_set_aside(struct datafile *file, struct error *error)
{
    unmap(file);
    file->needed_bytes = 0;
    int r = files_set_aside(file->directory, file->options.what, error);
    datafile_close(file);
    return r;
}

int datafile_destroy(const char *directory, const char *what, struct error *error)
{
    cleanup_fd int lock = -1;
    if (access(directory, F_OK) < 0 && errno == ENOENT) {
        return 0;
    }
    int r = check_path(directory, what, error);
    if (r < 0) {
        return r;
    }
    r = files_lock(directory, what, &lock, error);
    if (r < 0) {
        return r;
    }
    r = files_remove(directory, what, error);
    if (r == 0 && rmdir(directory) < 0 && errno != ENOENT) {
        char text[DATAFILE_TEXT_SIZE];
        return error_set(error, ERROR_IO, "%s cannot be removed: %s", what,
                         error_text(errno, text, sizeof text));
    }
    return r;
}

int datafile_sync(struct datafile *file, struct error *error)
{
    int code = mdb_env_sync(file->env, 1);
    return code == 0 ? 0 : datafile_failed(file, code, "synced", error);
}

struct datafile_size datafile_size(const struct datafile *file)
{
    MDB_envinfo info;
    MDB_stat stat;
    if (!file->env || mdb_env_info(file->env, &info) != 0 || mdb_env_stat(file->env, &stat) != 0) {
        return (struct datafile_size){.used_bytes = 0};
    }
    return (struct datafile_size){
        .used_bytes =
            (stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages) * stat.ms_psize,
        .file_bytes = (uint64_t)(info.me_last_pgno + 1) * stat.ms_psize,
    };
}

bool datafile_disk_is_full(const struct datafile *file)
{
    return files_disk_is_full(file->lock_fd);
}
