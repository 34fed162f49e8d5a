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

#include "base/buffer.h"
#include "base/name.h"
#include "base/text.h"
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

/* ---- rights ---- */

/* What is asked of the names. */
struct asking {
    const struct access *access;
    const char *store; /* NULL: the names have theirs */
    struct buffer object;
    uint64_t number;      /* of the name, from 1 */
    struct buffer stores; /* of the names so far, each with a blank behind it */
    bool unknown;         /* a name had none, or they are too many to be noted */
};

static int refuse(const struct asking *asking, const char *object, enum right right,
                  enum access_verdict verdict, struct error *error)
{
    if (verdict == ACCESS_FORBIDDEN) {
        return error_set(error, ERROR_FORBIDDEN,
                         "your rights do not include '%s' for '%.200s', name %llu of the list",
                         right_name(right), object, (unsigned long long)asking->number);
    }
    return error_set(error, ERROR_NOT_FOUND,
                     "'%.200s', name %llu of the list, is nothing that your rights include", object,
                     (unsigned long long)asking->number);
}

static bool is_noted(struct buffer *stores, const char *store, size_t size)
{
    const char *at = buffer_text(stores);
    for (; at && *at; at += strcspn(at, " ") + 1) {
        if (strncmp(at, store, size) == 0 && at[size] == ' ') {
            return true;
        }
    }
    return false;
}

static void note_store(struct asking *asking, const char *object)
{
    size_t size = strcspn(object, "/");
    char store[LIMIT_STORE_NAME + 1] = "";
    if (asking->unknown || (object[size] == '/' && is_noted(&asking->stores, object, size))) {
        return;
    }
    memcpy(store, object, size <= LIMIT_STORE_NAME ? size : 0);
    asking->unknown = object[size] != '/' || store[0] == '\0' || !name_is_word(store) ||
                      asking->stores.size + size > JOB_KEYS_STORES_BYTES;
    if (!asking->unknown) {
        buffer_printf(&asking->stores, "%s ", store);
    }
}

/* *ret_stores is NULL where they are not known. */
static int take_stores(struct asking *asking, char **ret_stores, struct error *error)
{
    struct buffer *stores = &asking->stores;
    *ret_stores = NULL;
    if (asking->unknown || stores->size == 0) {
        return 0;
    }
    stores->size--; /* the last blank */
    const char *text = buffer_text(stores);
    return text && text_copy(text, ret_stores) == 0 ? 0 : error_memory(error, NULL);
}

static int ask(struct asking *asking, const char *name, struct error *error)
{
    static const enum right rights[] = {RIGHT_JOBS, RIGHT_INFER};
    buffer_clear(&asking->object);
    if (asking->store) {
        buffer_printf(&asking->object, "%s/", asking->store);
    }
    buffer_append_text(&asking->object, name);
    const char *object = buffer_text(&asking->object);
    if (!object) {
        return error_memory(error, NULL);
    }
    asking->number++;
    for (size_t i = 0; i < sizeof rights / sizeof rights[0]; i++) {
        enum access_verdict verdict = access_object(asking->access, rights[i], object);
        if (verdict != ACCESS_GRANTED) {
            return refuse(asking, object, rights[i], verdict, error);
        }
    }
    note_store(asking, object);
    return 0;
}

static int ask_all(struct asking *asking, struct keys_reader *reader, struct error *error)
{
    const char *name = NULL;
    int r = keys_reader_next(reader, &name, error);
    while (r > 0) {
        r = ask(asking, name, error);
        r = r < 0 ? r : keys_reader_next(reader, &name, error);
    }
    return r;
}

int jobs_keys_check(struct jobs_keys *keys, const char *store, const struct access *access,
                    char **ret_stores, struct error *error)
{
    struct keys_reader *reader = NULL;
    struct asking asking = {
        .access = access, .store = store, .object = BUFFER_INIT, .stores = BUFFER_INIT};
    if (access->all) {
        return 0;
    }
    int r = keys_writer_finish(keys->writer, error);
    if (r == 0) {
        r = keys_reader_new(keys->path, 0, &reader, error);
    }
    if (r == 0) {
        r = ask_all(&asking, reader, error);
    }
    if (r == 0) {
        r = take_stores(&asking, ret_stores, error);
    }
    keys_reader_free(reader);
    buffer_done(&asking.object);
    buffer_done(&asking.stores);
    return r;
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
