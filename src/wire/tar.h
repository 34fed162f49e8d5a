/* SPDX-License-Identifier: Apache-2.0
 *
 * A model package as a tar stream: a push reader, and the blocks of a writer. Only regular files
 * and directories; pure, no files are accessed here. The reader is a plain value and allocates
 * nothing; not shared between threads.
 *
 * Reads POSIX ustar (with prefix), pax headers (`path` and `size`; the rest is ignored) and GNU
 * long names. Refuses, with ERROR_MALFORMED unless another code is given: links, devices, FIFOs and
 * sparse files; names that are absolute, have an empty, `.` or `..` component (a leading `./` is
 * removed) or a control byte, or have TAR_PATH_SIZE bytes or more; bad checksums; bytes after the
 * end; a stream that ends early. ERROR_TOO_LARGE above the limits. The receiver must refuse
 * duplicate names (O_EXCL).
 */
#ifndef SITU_WIRE_TAR_H
#define SITU_WIRE_TAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"

enum {
    TAR_BLOCK = 512,
    TAR_PATH_SIZE = 1024,  /* with its NUL */
    TAR_EXTRA_SIZE = 8192, /* of one pax header or long name */
};

struct tar_entry {
    const char *path; /* borrowed; relative, no trailing slash; valid during the callback */
    bool directory;
    uint64_t size_bytes; /* 0 for a directory */
};

/* What the reader calls, in order: for a file begin, data (any number of times) and end; for a
 * directory only begin. A negative return value ends the reading and is returned. */
struct tar_receiver {
    int (*begin)(void *context, const struct tar_entry *entry, struct error *error);
    int (*data)(void *context, const void *bytes, size_t size, struct error *error);
    int (*end)(void *context, struct error *error);
};

enum tar_state { TAR_HEADER, TAR_DATA, TAR_EXTRA, TAR_SKIP, TAR_PADDING, TAR_END };

struct tar_reader {
    const struct tar_receiver *receiver; /* borrowed */
    void *context;                       /* borrowed */
    uint64_t bytes_left;                 /* of all files' content, up to the limit */
    unsigned entries_left;
    unsigned headers_left; /* including those that describe other headers */

    enum tar_state state;
    uint64_t left;    /* bytes of the current content */
    unsigned padding; /* bytes after it */
    unsigned zero_blocks;
    int failed;      /* the error that ended the reading; returned from then on */
    char extra_type; /* 'x', 'L', or 0 for a file's content */
    bool has_path;   /* long_path and pax_size belong to the next header */
    bool has_size;
    uint64_t pax_size;
    size_t filled; /* of block, or of extra */
    char block[TAR_BLOCK];
    char extra[TAR_EXTRA_SIZE];
    char path[TAR_PATH_SIZE];
    char long_path[TAR_PATH_SIZE];
};

/* Accepts at most `limit_bytes` of content and `limit_entries` files and directories. */
void tar_reader_init(struct tar_reader *reader, const struct tar_receiver *receiver, void *context,
                     uint64_t limit_bytes, unsigned limit_entries);

/* Takes the next piece of the stream, of any size. */
must_check int tar_reader_feed(struct tar_reader *reader, const void *bytes, size_t size,
                               struct error *error);

/* The stream ended: 0 if the archive was complete. */
must_check int tar_reader_finish(struct tar_reader *reader, struct error *error);

/* Appends the header of a file or directory, after a pax header if the name is too long for ustar.
 * After a file's content comes tar_write_padding(), at the end of the archive tar_write_end().
 * Owner, mode and time are the same for every file, so that equal packages make equal streams.
 * Errors: ERROR_MALFORMED for a path that the reader would refuse, ERROR_TOO_LARGE above 8 GiB. */
must_check int tar_write_header(struct buffer *out, const struct tar_entry *entry,
                                struct error *error);
void tar_write_padding(struct buffer *out, uint64_t size_bytes);
void tar_write_end(struct buffer *out);

/* Whether the reader accepts the path. */
bool tar_path_ok(const char *path);

#endif
