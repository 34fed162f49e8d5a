/* SPDX-License-Identifier: Apache-2.0
 *
 * A model package as a tar stream: a push reader and the blocks of a writer. Regular files and
 * directories only; pure, no files are touched here. The reader is a plain value without
 * allocations; not shared between threads.
 *
 * Read are POSIX ustar (with prefix), pax headers (`path` and `size`; the rest is passed over) and
 * GNU long names. Refused, with ERROR_MALFORMED unless said otherwise: links, devices, FIFOs and
 * sparse files; names that are absolute, have an empty, `.` or `..` component (a leading `./` is
 * taken off) or a control byte, or TAR_PATH_SIZE bytes or more; bad checksums; bytes behind the
 * end; a stream that stops early. ERROR_TOO_LARGE above the limits. Duplicate names are the
 * receiver's to refuse (O_EXCL).
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
    const char *path; /* borrowed; relative, no trailing slash; gone after the callback */
    bool directory;
    uint64_t size_bytes; /* 0 for a directory */
};

/* What the reader calls, in order; for a file begin, data (any number of times), end; for a
 * directory begin alone. A negative return value ends the reading and is passed up. */
struct tar_receiver {
    int (*begin)(void *context, const struct tar_entry *entry, struct error *error);
    int (*data)(void *context, const void *bytes, size_t size, struct error *error);
    int (*end)(void *context, struct error *error);
};

enum tar_state { TAR_HEADER, TAR_DATA, TAR_EXTRA, TAR_SKIP, TAR_PADDING, TAR_END };

struct tar_reader {
    const struct tar_receiver *receiver; /* borrowed */
    void *context;                       /* borrowed */
    uint64_t bytes_left;                 /* of all files' content, until the limit */
    unsigned entries_left;
    unsigned headers_left; /* with those that describe other headers */

    enum tar_state state;
    uint64_t left;    /* bytes of the current content */
    unsigned padding; /* bytes behind it */
    unsigned zero_blocks;
    int failed;      /* the error that ended the reading; returned ever after */
    char extra_type; /* 'x', 'L', or 0 where the content is a file's */
    bool has_path;   /* long_path and pax_size belong to the next header */
    bool has_size;
    uint64_t pax_size;
    size_t filled; /* of block, or of extra */
    char block[TAR_BLOCK];
    char extra[TAR_EXTRA_SIZE];
    char path[TAR_PATH_SIZE];
    char long_path[TAR_PATH_SIZE];
};

/* At most `limit_bytes` of content and `limit_entries` files and directories. */
void tar_reader_init(struct tar_reader *reader, const struct tar_receiver *receiver, void *context,
                     uint64_t limit_bytes, unsigned limit_entries);

/* Takes the next piece of the stream, of any size. */
must_check int tar_reader_feed(struct tar_reader *reader, const void *bytes, size_t size,
                               struct error *error);

/* The stream ended: 0 where the archive was complete. */
must_check int tar_reader_finish(struct tar_reader *reader, struct error *error);

/* Appends the header of a file or directory (a pax header before it where the name is too long for
 * ustar). Behind a file's content goes tar_write_padding(); at the end of all tar_write_end().
 * Owner, mode and time are the same for every file, so that equal packages make equal streams.
 * Errors: ERROR_MALFORMED for a path that the reader would refuse, ERROR_TOO_LARGE above 8 GiB. */
must_check int tar_write_header(struct buffer *out, const struct tar_entry *entry,
                                struct error *error);
void tar_write_padding(struct buffer *out, uint64_t size_bytes);
void tar_write_end(struct buffer *out);

/* True for a path that the reader takes. */
bool tar_path_ok(const char *path);

#endif
