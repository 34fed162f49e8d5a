/* SPDX-License-Identifier: Apache-2.0
 *
 * The upload of a list of names, for a job that is to be created: a separate file in the directory
 * of the table, which becomes a file of the job, or is removed.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "jobs/job_table.h"
#include "jobs/keys_file.h"
#include "jobs/keys_upload.h"

struct jobs_keys {
    char *path; /* owned; `.new-*`, which the next start removes; NULL: the job has it */
    struct keys_writer *writer; /* owned */
};

int jobs_keys_new(struct jobs *jobs, struct jobs_keys **ret_keys, struct error *error)
{
    uint64_t name = 0;
    if (!jobs->directory) {
        return error_set(error, ERROR_UNAVAILABLE, "situd has no state directory: jobs need one");
    }
    if (getrandom(&name, sizeof name, 0) != (ssize_t)sizeof name) {
        return error_set(error, ERROR_IO, "no random bytes for a file's name");
    }
    struct jobs_keys *keys = calloc(1, sizeof *keys);
    if (!keys || asprintf(&keys->path, "%s/.new-keys-%016llx", jobs->directory,
                          (unsigned long long)name) < 0) {
        free(keys);
        return error_memory(error, NULL);
    }
    int r = keys_writer_new(keys->path, &keys->writer, error);
    if (r < 0) {
        free(keys->path);
        free(keys);
        return r;
    }
    *ret_keys = keys;
    return 0;
}

void jobs_keys_end_with_nul(struct jobs_keys *keys)
{
    keys_writer_end_with_nul(keys->writer);
}

int jobs_keys_append(struct jobs_keys *keys, const void *bytes, size_t size, struct error *error)
{
    return keys_writer_append(keys->writer, bytes, size, error);
}

int jobs_keys_add(struct jobs_keys *keys, const char *name, struct error *error)
{
    return keys_writer_add(keys->writer, name, error);
}

int keys_upload_place(struct jobs_keys *keys, const char *directory, struct error *error)
{
    cleanup_free char *path = NULL;
    int r = keys_writer_finish(keys->writer, error);
    if (r < 0) {
        return r;
    }
    if (asprintf(&path, "%s/keys", directory) < 0) {
        path = NULL;
        return error_memory(error, NULL);
    }
    if (rename(keys->path, path) < 0) {
        return error_io(error, errno, "%s", error_file(path));
    }
    free(take_ptr(keys->path));
    return 0;
}

void jobs_keys_free(struct jobs_keys *keys)
{
    if (keys) {
        keys_writer_free(keys->writer);
        if (keys->path) {
            (void)unlink(keys->path);
        }
        free(keys->path);
        free(keys);
    }
}
