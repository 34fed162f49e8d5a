/* SPDX-License-Identifier: Apache-2.0
 *
 * situ index export and import: the rows of an index as a NumPy file, with the objects' names in a
 * file beside it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/index_verb.h"
#include "cli/name_list.h"
#include "cli/npy_read.h"
#include "cli/npy_write.h"

/* ---- Export ---------------------------------------------------------------------------------- */

/* 0 at the end, or the exit status after a message. */
static int take_rows(const struct index_verb *verb, struct situ_vectors *vectors,
                     struct npy_writer *npy, uint64_t total)
{
    const struct situ_vector *vector;
    struct situ_error error;
    struct progress progress;
    int more;
    progress_init(&progress, !verb->no_progress, false);
    while ((more = situ_vector_next(vectors, &vector, &error)) > 0) {
        if (npy_writer_add(npy, situ_vector_raw_name(vectors), vector->values, vector->count)) {
            progress_clear(&progress);
            cli_say("%s", npy->fault);
            return STATUS_SOME_FAILED;
        }
        progress_update(&progress, npy->count, total);
    }
    progress_clear(&progress);
    if (more < 0) {
        (void)cli_say_error(verb->cli, &error);
        return STATUS_SOME_FAILED;
    }
    return 0;
}

/* The exit status. */
static int tell_damaged(const struct situ_vectors *vectors)
{
    uint64_t damaged = situ_vectors_damaged(vectors);
    if (damaged > 0) {
        cli_say("%" PRIu64 " rows of the index cannot be read now, and are missing", damaged);
    }
    return damaged > 0 ? STATUS_SOME_FAILED : STATUS_GOOD;
}

int index_export(const struct index_verb *verb, const char *name, const char *path)
{
    struct situ_vectors *vectors = NULL;
    struct situ_index *index = NULL;
    struct situ_error error;
    struct npy_writer npy;

    if (situ_index_show(verb->cli->array, name, &index, &error) ||
        situ_index_export(verb->cli->array, name, &vectors, &error)) {
        situ_index_free(index);
        return cli_say_error(verb->cli, &error);
    }
    uint64_t total = index->rows;
    situ_index_free(index);
    int status = STATUS_NOTHING;
    if (npy_writer_open(&npy, path, verb->delimiter)) {
        cli_say("%s", npy.fault);
        (void)npy_writer_close(&npy, false);
    } else {
        status = take_rows(verb, vectors, &npy, total);
        uint64_t count = npy.count;
        if (npy_writer_close(&npy, status == 0) && status == 0) {
            cli_say("%s", npy.fault);
            status = STATUS_NOTHING;
        } else if (status == 0) {
            (void)fprintf(stderr, "%" PRIu64 " rows\n", count);
            status = tell_damaged(vectors);
        }
    }
    situ_vectors_free(vectors);
    return status;
}

/* ---- Import ---------------------------------------------------------------------------------- */

struct rows {
    struct npy_reader reader;
    struct name_list names;
    uint64_t position;
    struct progress progress;
};

static int next_row(void *context, struct situ_vector *ret_vector)
{
    struct rows *rows = context;
    if (rows->position == rows->reader.count) {
        return 0;
    }
    if (npy_reader_next(&rows->reader)) {
        return -1;
    }
    *ret_vector = (struct situ_vector){.object = rows->names.items[rows->position],
                                       .values = rows->reader.row,
                                       .count = rows->reader.width};
    rows->position++;
    progress_update(&rows->progress, rows->position, rows->reader.count);
    return 1;
}

static int read_names(const struct index_verb *verb, const char *path, struct rows *rows)
{
    char text[128] = "";
    cleanup_free char *beside = npy_writer_names_path(path);
    const char *from = verb->names ? verb->names : beside;
    if (!from) {
        cli_say("out of memory");
        return -ENOMEM;
    }
    FILE *stream = fopen(from, "re");
    int r = stream ? name_list_read_escaped(&rows->names, stream, verb->delimiter) : -errno;
    if (stream) {
        (void)fclose(stream);
    }
    if (r) {
        cli_say("cannot read names from '%s': %s", from, strerror_r(-r, text, sizeof text));
        return r;
    }
    if (rows->names.count != rows->reader.count) {
        cli_say("'%s' has %" PRIu64 " rows, '%s' %zu names", path, rows->reader.count, from,
                rows->names.count);
        return -EINVAL;
    }
    return 0;
}

static int send_rows(const struct index_verb *verb, const char *name, const char *path,
                     struct rows *rows)
{
    struct situ_import_options options = {
        .struct_size = sizeof options, .metric = verb->options.metric, .model = verb->model};
    struct situ_index *index = NULL;
    struct situ_error error;
    progress_init(&rows->progress, !verb->no_progress, false);
    int failed =
        situ_index_import(verb->cli->array, name, next_row, rows, &options, &index, &error);
    progress_clear(&rows->progress);
    if (failed && rows->reader.fault[0]) {
        cli_say("'%s' %s", path, rows->reader.fault);
    } else if (failed) {
        (void)cli_say_error(verb->cli, &error);
    } else if (verb->json) {
        (void)puts(index->json);
    } else {
        (void)fprintf(stderr, "%" PRIu64 " rows\n", index->rows);
    }
    situ_index_free(index);
    return failed ? STATUS_NOTHING : cli_finish_output(STATUS_GOOD);
}

int index_import(const struct index_verb *verb, const char *name, const char *path)
{
    struct rows rows = {.position = 0};
    int status = STATUS_NOTHING;
    if (npy_reader_open(&rows.reader, path)) {
        cli_say("'%s' %s", path, rows.reader.fault);
    } else if (read_names(verb, path, &rows) == 0) {
        status = send_rows(verb, name, path, &rows);
    }
    npy_reader_close(&rows.reader);
    name_list_done(&rows.names);
    return status;
}
