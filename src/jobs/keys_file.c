/* SPDX-License-Identifier: Apache-2.0
 *
 * A list of names in a file. Lines have a maximum length, so a reader needs one buffer only, and
 * skips a million names as fast as it finds line feeds.
 */
#include "jobs/keys_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/limits.h"
#include "base/page_block.h"

enum {
    NAME_BYTES = LIMIT_KEY_BYTES + LIMIT_STORE_NAME + 1,   /* sent by a client */
    ADDED_BYTES = LIMIT_NAME_BYTES + LIMIT_STORE_NAME + 1, /* from a listing */
    FLUSH_BYTES = 64 << 10,                                /* per write */
    READ_BYTES = 64 << 10,                                 /* per read; longer than any line */
};

/* A line feed within a name. */
static const char feed_within[] = {'\0', 'n'};

static int failed(const char *what, int errnum, struct error *error)
{
    return error_io(error, errnum, "the list of names cannot be %s", what);
}

static int no_memory(struct error *error)
{
    (void)error_memory(error, "a list of names");
    return -ENOMEM;
}

/* ---- writing ---- */

struct keys_writer {
    int fd;                /* owned */
    struct buffer pending; /* whole lines, and the current one */
    size_t begun;          /* offset in it of the current line */
    uint64_t line;         /* line number of the client's current line, from 1 */
    size_t name_size;      /* bytes of the current name, as the client sends them */
    bool nul;              /* NUL ends the client's names */
    bool broken;           /* an error was returned */
    bool finished;         /* all is on disk */
};

int keys_writer_new(const char *path, struct keys_writer **ret_writer, struct error *error)
{
    struct keys_writer *writer = calloc(1, sizeof *writer);
    if (!writer) {
        return no_memory(error);
    }
    writer->line = 1;
    writer->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (writer->fd < 0) {
        int r = failed("made", errno, error);
        keys_writer_free(writer);
        return r;
    }
    *ret_writer = writer;
    return 0;
}

void keys_writer_free(struct keys_writer *writer)
{
    if (!writer) {
        return;
    }
    if (writer->fd >= 0) {
        (void)close(writer->fd);
    }
    buffer_done(&writer->pending);
    free(writer);
}

void keys_writer_end_with_nul(struct keys_writer *writer)
{
    writer->nul = true;
}

static int too_long(const struct keys_writer *writer, struct error *error)
{
    return error_set(error, ERROR_MALFORMED,
                     "line %" PRIu64 " of the list of names is longer than %d bytes", writer->line,
                     NAME_BYTES);
}

/* Ends the current line. */
static int end_line(struct keys_writer *writer, struct error *error)
{
    struct buffer *pending = &writer->pending;
    if (!writer->nul && pending->size > writer->begun && pending->data[pending->size - 1] == '\r') {
        pending->size--;
        writer->name_size--;
    }
    if (writer->name_size > NAME_BYTES) {
        return too_long(writer, error);
    }
    writer->name_size = 0;
    if (pending->size > writer->begun) {
        buffer_append_char(pending, '\n');
    }
    writer->begun = pending->size;
    writer->line++;
    return buffer_ok(pending) < 0 ? no_memory(error) : 0;
}

/* Writes the whole lines. */
static int flush(struct keys_writer *writer, struct error *error)
{
    struct buffer *pending = &writer->pending;
    for (size_t done = 0; done < writer->begun;) {
        ssize_t written = write(writer->fd, pending->data + done, writer->begun - done);
        if (written < 0 && errno != EINTR) {
            return failed("written", errno, error);
        }
        done += written > 0 ? (size_t)written : 0;
    }
    if (writer->begun > 0) {
        memmove(pending->data, pending->data + writer->begun, pending->size - writer->begun);
        pending->size -= writer->begun;
        writer->begun = 0;
    }
    return 0;
}

static void append_name(struct buffer *pending, const char *at, size_t size)
{
    const char *end = at + size;
    for (const char *feed; (feed = memchr(at, '\n', (size_t)(end - at))); at = feed + 1) {
        buffer_append(pending, at, (size_t)(feed - at));
        buffer_append(pending, feed_within, sizeof feed_within);
    }
    buffer_append(pending, at, (size_t)(end - at));
}

static int append(struct keys_writer *writer, const char *at, size_t size, struct error *error)
{
    struct buffer *pending = &writer->pending;
    while (size > 0) {
        const char *feed = memchr(at, writer->nul ? '\0' : '\n', size);
        size_t part = feed ? (size_t)(feed - at) : size;
        if (!writer->nul && memchr(at, '\0', part)) {
            return error_set(error, ERROR_MALFORMED,
                             "line %" PRIu64
                             " of the list of names contains a NUL byte: a list has "
                             "one name per line, unless the separator is nul",
                             writer->line);
        }
        if (part > NAME_BYTES + 1 - writer->name_size) { /* including a carriage return */
            return too_long(writer, error);
        }
        writer->name_size += part;
        append_name(pending, at, part);
        if (buffer_ok(pending) < 0) {
            return no_memory(error);
        }
        int r = feed ? end_line(writer, error) : 0;
        if (r == 0 && pending->size >= FLUSH_BYTES) {
            r = flush(writer, error);
        }
        if (r < 0) {
            return r;
        }
        at += part + (feed ? 1 : 0);
        size -= part + (feed ? 1 : 0);
    }
    return 0;
}

static int broken_before(struct error *error)
{
    return error_set(error, ERROR_IO, "the list of names has failed before");
}

int keys_writer_append(struct keys_writer *writer, const void *bytes, size_t size,
                       struct error *error)
{
    if (writer->broken || writer->finished) {
        return broken_before(error);
    }
    int r = append(writer, bytes, size, error);
    writer->broken = r < 0;
    return r;
}

static int add(struct keys_writer *writer, const char *name, struct error *error)
{
    size_t size = strnlen(name, ADDED_BYTES + 1);
    if (size == 0 || size > ADDED_BYTES || writer->pending.size > writer->begun) {
        return error_set(error, ERROR_MALFORMED,
                         "a list of names cannot contain a name of %zu bytes", size);
    }
    struct buffer *pending = &writer->pending;
    append_name(pending, name, size);
    buffer_append_char(pending, '\n');
    if (buffer_ok(pending) < 0) {
        return no_memory(error);
    }
    writer->begun = pending->size;
    writer->line++;
    return pending->size >= FLUSH_BYTES ? flush(writer, error) : 0;
}

int keys_writer_add(struct keys_writer *writer, const char *name, struct error *error)
{
    if (writer->broken || writer->finished) {
        return broken_before(error);
    }
    int r = add(writer, name, error);
    writer->broken = r < 0;
    return r;
}

static int sync_all(struct keys_writer *writer, struct error *error)
{
    int r = end_line(writer, error);
    if (r < 0) {
        return r;
    }
    r = flush(writer, error);
    if (r < 0) {
        return r;
    }
    return fsync(writer->fd) < 0 ? failed("synced", errno, error) : 0;
}

int keys_writer_finish(struct keys_writer *writer, struct error *error)
{
    if (writer->broken) {
        return broken_before(error);
    }
    if (writer->finished) {
        return 0;
    }
    int r = sync_all(writer, error);
    writer->broken = r < 0;
    writer->finished = r == 0;
    return r;
}

/* ---- reading ---- */

struct keys_reader {
    int fd;          /* owned */
    uint64_t offset; /* of the file: the next read */
    size_t start;    /* in `bytes`: the next line */
    size_t size;     /* of `bytes` */
    bool all;        /* `bytes` has the end of the file */
    uint64_t left;   /* lines in `bytes` from `start` on */
    char bytes[READ_BYTES];
};

static uint64_t count_feeds(const char *at, size_t size)
{
    uint64_t count = 0;
    const char *end = at + size;
    while ((at = memchr(at, '\n', (size_t)(end - at)))) {
        at++;
        count++;
    }
    return count;
}

/* Reads more, keeping the incomplete line. */
static int fill(struct keys_reader *reader, struct error *error)
{
    memmove(reader->bytes, reader->bytes + reader->start, reader->size - reader->start);
    reader->size -= reader->start;
    reader->start = 0;
    while (reader->size < sizeof reader->bytes && !reader->all) {
        ssize_t got = pread(reader->fd, reader->bytes + reader->size,
                            sizeof reader->bytes - reader->size, (off_t)reader->offset);
        if (got < 0 && errno != EINTR) {
            return failed("read", errno, error);
        }
        reader->all = got == 0;
        reader->offset += got > 0 ? (uint64_t)got : 0;
        reader->size += got > 0 ? (size_t)got : 0;
    }
    reader->left = count_feeds(reader->bytes, reader->size);
    return 0;
}

/* Makes sure that a whole line is at `start`: 1, or 0 at the end. */
static int have_line(struct keys_reader *reader, struct error *error)
{
    if (reader->left > 0) {
        return 1;
    }
    int r = reader->all ? 0 : fill(reader, error);
    if (r < 0) {
        return r;
    }
    if (reader->left > 0 || reader->size == reader->start) {
        return reader->left > 0;
    }
    return error_set(error, ERROR_IO,
                     "the list of names is damaged: it ends within a line, or a "
                     "line is too long");
}

/* Skips names, whole buffers where possible. */
static int skip(struct keys_reader *reader, uint64_t count, struct error *error)
{
    while (count > 0) {
        int r = have_line(reader, error);
        if (r <= 0) {
            return r;
        }
        if (count >= reader->left) {
            const char *feed = memrchr(reader->bytes, '\n', reader->size);
            count -= reader->left;
            reader->left = 0;
            reader->start = feed ? (size_t)(feed - reader->bytes) + 1 : reader->size;
            continue;
        }
        for (; count > 0; count--, reader->left--) {
            const char *at = reader->bytes + reader->start;
            const char *feed = memchr(at, '\n', reader->size - reader->start);
            reader->start += feed ? (size_t)(feed - at) + 1 : 0;
        }
    }
    return 0;
}

int keys_reader_new(const char *path, uint64_t position, struct keys_reader **ret_reader,
                    struct error *error)
{
    struct keys_reader *reader = page_block_new(sizeof *reader);
    if (!reader) {
        return no_memory(error);
    }
    int r = 0;
    struct stat status;
    reader->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (reader->fd < 0 || fstat(reader->fd, &status) < 0) {
        r = failed("opened", errno, error);
    } else if (!S_ISREG(status.st_mode)) {
        r = error_set(error, ERROR_IO, "the list of names is not a regular file");
    } else {
        r = skip(reader, position, error);
    }
    if (r < 0) {
        keys_reader_free(reader);
        return r;
    }
    *ret_reader = reader;
    return 0;
}

void keys_reader_free(struct keys_reader *reader)
{
    if (!reader) {
        return;
    }
    if (reader->fd >= 0) {
        (void)close(reader->fd);
    }
    page_block_free(reader, sizeof *reader);
}

/* Whether each NUL of a line is the first byte of an encoded line feed. */
static bool is_name(const char *line, size_t size)
{
    size_t length = size;
    const char *end = line + size;
    for (const char *at = line; (at = memchr(at, feed_within[0], (size_t)(end - at)));) {
        if (++at == end || *at != feed_within[1]) {
            return false;
        }
        length--;
    }
    return length > 0 && length <= ADDED_BYTES;
}

/* Decodes a line to its name in place, with a NUL behind it. */
static void become_name(char *line, size_t size)
{
    char *within = memchr(line, feed_within[0], size);
    char *to = within ? within : line + size;
    for (const char *at = to; at < line + size; at++) {
        char byte = *at;
        if (byte == feed_within[0]) {
            byte = '\n';
            at++;
        }
        *to++ = byte;
    }
    *to = '\0';
}

int keys_reader_next(struct keys_reader *reader, const char **ret_name, struct error *error)
{
    int r = have_line(reader, error);
    if (r <= 0) {
        return r;
    }
    char *name = reader->bytes + reader->start;
    char *feed = memchr(name, '\n', reader->size - reader->start);
    size_t size = feed ? (size_t)(feed - name) : 0;
    if (!is_name(name, size)) {
        return error_set(error, ERROR_IO, "the list of names is damaged: a line is not a name");
    }
    become_name(name, size);
    reader->start += size + 1;
    reader->left--;
    *ret_name = name;
    return 1;
}

bool keys_reader_is_last(const struct keys_reader *reader, uint64_t *ret_left)
{
    if (reader->all) {
        *ret_left = reader->left;
    }
    return reader->all;
}

int keys_file_count(const char *path, const atomic_bool *stop, uint64_t *ret_count,
                    struct error *error)
{
    struct keys_reader *reader = NULL;
    uint64_t count = 0;
    int r = keys_reader_new(path, 0, &reader, error);
    while (r == 0 && (r = have_line(reader, error)) > 0) {
        count += reader->left;
        r = stop && atomic_load(stop) ? -ECANCELED : skip(reader, reader->left, error);
    }
    keys_reader_free(reader);
    if (r == 0) {
        *ret_count = count;
    }
    return r;
}
