/* SPDX-License-Identifier: Apache-2.0
 *
 * An index from elsewhere: written to its own directory, `.new-NAME-N`, which is renamed into place
 * when it is complete. One thread per import.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/name.h"
#include "base/tree.h"
#include "retrieval/index_directory.h"
#include "retrieval/index_table.h"
#include "retrieval/retrieval_spec.h"

enum { BATCH_ROWS = 4096, BATCH_VALUES = 4 << 20 /* 16 MiB */ };

struct retrieval_import {
    struct retrieval *retrieval; /* borrowed */
    struct index_file file;      /* owned */
    char *directory;             /* owned; removed if it exists at the end */
    char *index_path;            /* owned */
    struct index *index;         /* owned; NULL: no row yet */
    struct index_batch *batch;   /* owned */
    uint32_t dimension;
};

static int no_memory(struct error *error)
{
    return error_memory(error, NULL);
}

static void close_index(struct retrieval_import *import)
{
    index_batch_free(take_ptr(import->batch));
    index_close(take_ptr(import->index));
}

void retrieval_import_free(struct retrieval_import *import)
{
    if (!import) {
        return;
    }
    close_index(import);
    if (import->directory) {
        tree_remove(import->directory);
    }
    index_file_done(&import->file);
    free(import->index_path);
    free(import->directory);
    free(import);
}

static int prepare(struct retrieval_import *import, const struct retrieval_spec *spec,
                   struct error *error)
{
    struct retrieval_spec asked = *spec;
    asked.select = (struct selection){.store = NULL}; /* it is not fed */
    asked.interval_s = 0;
    import->file.number = 1;
    import->file.last = 1;
    if (retrieval_spec_copy(&asked, &import->file.spec) < 0) {
        return no_memory(error);
    }
    import->directory = retrieval_aside(import->retrieval, "new", spec->name);
    if (import->directory) {
        import->index_path = index_directory_path("%s/1", import->directory);
    }
    return import->index_path ? index_directory_make(import->directory, error) : no_memory(error);
}

int retrieval_import_new(struct retrieval *retrieval, const struct retrieval_spec *spec,
                         struct retrieval_import **ret_import, struct error *error)
{
    int r = name_check(spec->name, "an index's name", error);
    if (r < 0) {
        return r;
    }
    r = retrieval_check_free(retrieval, spec->name, error);
    if (r < 0) {
        return r;
    }
    struct retrieval_import *import = calloc(1, sizeof *import);
    if (!import) {
        return no_memory(error);
    }
    import->retrieval = retrieval;
    r = prepare(import, spec, error);
    if (r < 0) {
        retrieval_import_free(import);
        return r;
    }
    *ret_import = import;
    return 0;
}

static int make_index(struct retrieval_import *import, uint32_t dimension, struct error *error)
{
    struct index_shape shape = {.dimension = dimension, .metric = import->file.spec.metric};
    import->dimension = dimension;
    int r = index_create(import->index_path, &shape, error);
    if (r < 0) {
        return r;
    }
    r = index_open(import->index_path, NULL, &import->index, error);
    if (r < 0) {
        return r;
    }
    return index_batch_new(import->index, &import->batch) < 0 ? no_memory(error) : 0;
}

static int commit(struct retrieval_import *import, struct error *error)
{
    return index_batch_commit(import->batch, NULL, 0, error);
}

static bool batch_is_full(const struct retrieval_import *import)
{
    size_t rows = index_batch_size(import->batch);
    return rows >= BATCH_ROWS || rows * import->dimension >= BATCH_VALUES;
}

int retrieval_import_put(struct retrieval_import *import, const char *object, const float *vector,
                         uint32_t dimension, struct error *error)
{
    if (dimension < 1 || dimension > INDEX_DIMENSION_MAX) {
        return error_set(error, ERROR_MALFORMED,
                         "'%.200s' has %u values; an index takes vectors of 1 to %u", object,
                         dimension, INDEX_DIMENSION_MAX);
    }
    int r = import->batch ? 0 : make_index(import, dimension, error);
    if (r < 0) {
        return r;
    }
    if (dimension != import->dimension) {
        return error_set(error, ERROR_MALFORMED, "'%.200s' has %u values, those before it have %u",
                         object, dimension, import->dimension);
    }
    r = index_batch_put(import->batch, object, vector, error);
    if (r < 0) {
        return r;
    }
    return batch_is_full(import) ? commit(import, error) : 0;
}

/* Renames its directory into its place, and adds it to the table; `create` is held. */
static int put_in_place(struct retrieval_import *import, struct entry **ret_entry,
                        struct error *error)
{
    struct retrieval *retrieval = import->retrieval;
    const char *name = import->file.spec.name;
    cleanup_free char *path = index_directory_path("%s/%s", retrieval->directory, name);
    if (!path) {
        return no_memory(error);
    }
    int r = retrieval_check_free(retrieval, name, error);
    if (r < 0) {
        return r;
    }
    r = index_file_write(import->directory, &import->file, error);
    if (r < 0) {
        return r;
    }
    r = index_directory_rename(retrieval->directory, import->directory, path, error);
    if (r < 0) {
        return r;
    }
    r = retrieval_add(retrieval, &import->file, "", ret_entry, error);
    if (r < 0) {
        tree_remove(path);
    }
    return r;
}

int retrieval_import_finish(struct retrieval_import *import, struct retrieval_info *ret_info,
                            struct error *error)
{
    struct retrieval *retrieval = import->retrieval;
    cleanup_entry struct entry *entry = NULL;
    if (!import->batch) {
        return error_set(error, ERROR_MALFORMED, "the import has no vector");
    }
    int r = commit(import, error);
    if (r < 0) {
        return r;
    }
    close_index(import);
    HOLD(&retrieval->create);
    r = put_in_place(import, &entry, error);
    return r < 0 ? r : retrieval_get(retrieval, &ACCESS_ALL, entry->name, ret_info, error);
}
