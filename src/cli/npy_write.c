/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows into a NumPy file. The header has a fixed size, so that it can be written again when the
 * number of rows is known.
 */
#include "cli/npy_write.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/name_list.h"
#include "wire/npy.h"

static int fail(struct npy_writer *npy, const char *path, int errnum)
{
    char text[128] = "";
    if (!npy->fault[0]) {
        (void)snprintf(npy->fault, sizeof npy->fault, "cannot write '%.300s': %s", path,
                       strerror_r(errnum, text, sizeof text));
    }
    return -errnum;
}

static char *with_suffix(const char *path, size_t length, const char *suffix)
{
    size_t size = length + strlen(suffix) + 1;
    char *text = malloc(size);
    if (text) {
        (void)snprintf(text, size, "%.*s%s", (int)length, path, suffix);
    }
    return text;
}

static int open_part(struct npy_writer *npy, struct npy_file *file, char *path)
{
    file->path = path;
    file->part = path ? with_suffix(path, strlen(path), ".part") : NULL;
    if (!file->part) {
        return fail(npy, "the embeddings", ENOMEM);
    }
    file->stream = fopen(file->part, "wbe");
    return file->stream ? 0 : fail(npy, file->part, errno);
}

static int write_header(struct npy_writer *npy)
{
    unsigned char header[NPY_ROWS_HEADER_SIZE];
    npy_write_rows_header(header, npy->count, npy->width);
    bool good = fseeko(npy->rows.stream, 0, SEEK_SET) == 0 &&
                fwrite(header, sizeof header, 1, npy->rows.stream) == 1;
    return good ? 0 : fail(npy, npy->rows.part, errno);
}

char *npy_writer_names_path(const char *path)
{
    size_t length = strlen(path);
    size_t stem = length > 4 && strcmp(path + length - 4, ".npy") == 0 ? length - 4 : length;
    return with_suffix(path, stem, ".names");
}

int npy_writer_open(struct npy_writer *npy, const char *path, int delimiter)
{
    *npy = (struct npy_writer){.delimiter = delimiter};
    int r = open_part(npy, &npy->rows, strdup(path));
    if (r == 0) {
        r = open_part(npy, &npy->names, npy_writer_names_path(path));
    }
    return r ? r : write_header(npy);
}

static bool write_row(FILE *stream, const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        const unsigned char bytes[4] = {(unsigned char)bits, (unsigned char)(bits >> 8),
                                        (unsigned char)(bits >> 16), (unsigned char)(bits >> 24)};
        if (fwrite(bytes, sizeof bytes, 1, stream) != 1) {
            return false;
        }
    }
    return true;
}

int npy_writer_add(struct npy_writer *npy, const char *name, const float *values, size_t count)
{
    if (npy->fault[0]) {
        return -EIO;
    }
    if (npy->width > 0 && count != npy->width) {
        (void)snprintf(npy->fault, sizeof npy->fault,
                       "'%.200s' has an embedding of %zu values, those before have %zu", name,
                       count, npy->width);
        return -EINVAL;
    }
    npy->width = count;
    if (!write_row(npy->rows.stream, values, count)) {
        return fail(npy, npy->rows.part, errno);
    }
    name_list_put(npy->names.stream, name, npy->delimiter);
    if (ferror(npy->names.stream)) {
        return fail(npy, npy->names.part, errno);
    }
    npy->count++;
    return 0;
}

static int sync_and_close(struct npy_writer *npy, struct npy_file *file)
{
    if (!file->stream) {
        return 0;
    }
    int r = 0;
    if (fflush(file->stream) != 0 || fsync(fileno(file->stream)) != 0) {
        /* Pipes and devices cannot be synced. */
        r = errno == EINVAL ? 0 : fail(npy, file->part, errno);
    }
    if (fclose(file->stream) != 0 && r == 0) {
        r = fail(npy, file->part, errno);
    }
    file->stream = NULL;
    return r;
}

static int set_name(struct npy_writer *npy, const struct npy_file *file)
{
    return rename(file->part, file->path) == 0 ? 0 : fail(npy, file->path, errno);
}

static void file_done(struct npy_file *file)
{
    free(file->path);
    free(file->part);
    *file = (struct npy_file){.stream = NULL};
}

int npy_writer_close(struct npy_writer *npy, bool whole)
{
    int r = npy->rows.stream && npy->names.stream ? write_header(npy) : 0;
    int closed = sync_and_close(npy, &npy->rows);
    r = r ? r : closed;
    closed = sync_and_close(npy, &npy->names);
    r = r ? r : closed;
    if (whole && r == 0 && !npy->fault[0]) {
        r = set_name(npy, &npy->names);
        r = r ? r : set_name(npy, &npy->rows);
    } else if (npy->count == 0) {
        (void)unlink(npy->rows.part ? npy->rows.part : "");
        (void)unlink(npy->names.part ? npy->names.part : "");
    }
    file_done(&npy->rows);
    file_done(&npy->names);
    return r;
}
