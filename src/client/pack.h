/* SPDX-License-Identifier: Apache-2.0
 *
 * A model package on this machine as a tar stream of known length, read in pieces. One thread at a
 * time.
 */
#ifndef SITU_CLIENT_PACK_H
#define SITU_CLIENT_PACK_H

#include <stdint.h>

#include "base/buffer.h"
#include "client/fail.h"

struct pack_file {
    char *path;          /* owned: on this machine */
    char *name;          /* owned: in the package */
    uint64_t size_bytes; /* when it was listed; checked again when it is read */
    size_t header;       /* where its header ends in pack->headers */
};

struct pack {
    struct pack_file *files; /* owned; by name */
    size_t count;
    struct buffer headers; /* of all files, contiguous, then the end of the archive */
    uint64_t size;         /* of the whole stream */

    /* The position in the stream. */
    size_t file;       /* being read; count: the end of the archive */
    int fd;            /* of its content, -1: not open */
    uint64_t left;     /* of its content */
    size_t header_at;  /* in headers */
    struct buffer gap; /* padding after the content */
    size_t gap_at;
    struct situ_error fault; /* why pack_read failed */
};

/* Lists a directory, or one .onnx file with its external data, and makes the headers. Call
 * pack_done even after a failure. SITU_IO, SITU_USAGE, SITU_TOO_LARGE, SITU_MEMORY. */
must_check int pack_open(struct pack *pack, const char *path, struct situ_error *error);

/* The next bytes of the stream, at most `size`; *ret_size is 0 at its end. */
must_check int pack_read(struct pack *pack, char *bytes, size_t size, size_t *ret_size);

void pack_done(struct pack *pack);

#endif
