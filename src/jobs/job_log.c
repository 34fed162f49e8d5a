/* SPDX-License-Identifier: Apache-2.0
 *
 * The log of a job on disk. Lines gather in memory and are written with one write and one
 * fdatasync; the lock guards only what readers see and is never held over input or output, so that
 * readers do not wait for the writer's disk.
 *
 * The kernel may drop pages that it could not write, and mark them clean: after any failure the
 * file is cut back to the synced part, and the lines are written again from memory.
 */
#include "jobs/job_log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/whole_file.h"

#include "jobs/released.h"

enum {
    MARK_LINES = 1024,     /* at most, between two places of the index */
    MARK_BYTES = 1 << 20,  /* at most, as well */
    READ_BYTES = 64 << 10, /* per read; also the memory that is kept between two syncs */
    BLOCK_BYTES = 4096,    /* disk space is freed in such blocks */
};

struct job_log {
    int fd;                    /* owned */
    char *path;                /* owned; for messages */
    char *released_path;       /* owned */
    pthread_mutex_t releasing; /* held while lines are released, including input and output; taken
                                * before `lock` */

    /* For the writer only. */
    struct buffer pending;        /* stored lines behind `synced` */
    size_t pending_last;          /* offset in it of the last line */
    struct job_log_totals totals; /* including the pending lines */
    struct job_log_place last_mark;
    bool tail; /* the file may be longer than the synced part */

    pthread_mutex_t lock;          /* guards all below */
    struct released released;      /* what was released; written with `releasing` held as well */
    struct job_log_place synced;   /* the end of what readers see */
    uint64_t last_offset;          /* of the last synced line */
    struct job_log_totals visible; /* of the synced lines */
    struct buffer marks; /* struct job_log_place: ends of lines, in order; the last ones may lie
                          * behind `synced` */
};

static int failed(const struct job_log *log, const char *what, int errnum, struct error *error)
{
    return error_io(error, errnum, "the job's log '%.200s' cannot be %s", error_file(log->path),
                    what);
}

static int no_memory(struct error *error)
{
    (void)error_memory(error, "a job's log");
    return -ENOMEM;
}

/* ---- lines of the file, one after the other ---- */

struct scan {
    const struct job_log *log; /* borrowed */
    uint64_t offset;           /* of the file: the next read */
    uint64_t end;              /* the end of the part to read */
    struct buffer window;      /* the bytes before `offset` */
    size_t start;              /* in it: start of the next line */
};

static void scan_init(struct scan *scan, const struct job_log *log, uint64_t from, uint64_t end)
{
    *scan = (struct scan){.log = log, .offset = from, .end = end};
}

static void cleanup_scan_function(struct scan *scan)
{
    buffer_done(&scan->window);
}
#define cleanup_scan __attribute__((cleanup(cleanup_scan_function)))

/* Reads more bytes: 1, or 0 at the end. */
static int scan_fill(struct scan *scan, struct error *error)
{
    struct buffer *window = &scan->window;
    uint64_t left = scan->end - scan->offset;
    if (left == 0) {
        return 0;
    }
    if (scan->start > 0) {
        memmove(window->data, window->data + scan->start, window->size - scan->start);
        window->size -= scan->start;
        scan->start = 0;
    }
    size_t wanted = window->size < READ_BYTES ? READ_BYTES - window->size : window->size;
    wanted = left < wanted ? (size_t)left : wanted;
    char *room = buffer_reserve(window, wanted);
    if (!room) {
        return no_memory(error);
    }
    ssize_t got;
    do {
        got = pread(scan->log->fd, room, wanted, (off_t)scan->offset);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return failed(scan->log, "read", errno, error);
    }
    window->size += (size_t)got;
    scan->offset += (uint64_t)got;
    if (got == 0) {
        scan->end = scan->offset; /* it was truncated */
    }
    return got > 0;
}

/* 1 and the next line without its line feed, valid until the next call; 0 if no whole line is
 * left, or one longer than JOB_LOG_LINE_BYTES. */
static int scan_next(struct scan *scan, const char **ret_line, size_t *ret_size,
                     struct error *error)
{
    struct buffer *window = &scan->window;
    size_t seen = 0;
    for (;;) {
        size_t held = window->size - scan->start;
        const char *line = held > 0 ? window->data + scan->start : "";
        const char *feed = held > seen ? memchr(line + seen, '\n', held - seen) : NULL;
        if (feed) {
            *ret_line = line;
            *ret_size = (size_t)(feed - line);
            scan->start += *ret_size + 1;
            return 1;
        }
        seen = held;
        int r = held > JOB_LOG_LINE_BYTES ? 0 : scan_fill(scan, error);
        if (r <= 0) {
            return r;
        }
    }
}

struct record {
    const char *line; /* valid until the next call */
    size_t size;
    size_t visible;
    struct job_record_facts facts;
};

/* 1 and the next line; 0 if no whole line is left, or it is no record. */
static int scan_record(struct scan *scan, struct record *ret_record, struct error *error)
{
    int r = scan_next(scan, &ret_record->line, &ret_record->size, error);
    if (r <= 0) {
        return r;
    }
    return job_record_check(ret_record->line, ret_record->size, &ret_record->visible,
                            &ret_record->facts) == 0;
}

/* ---- the index and the totals ---- */

static void count_totals(struct job_log_totals *totals, uint64_t number, const char *line,
                         size_t size, const struct job_record_facts *facts)
{
    totals->lines = number;
    totals->failed += job_record_is_failure(line, size);
    totals->cached += facts->cached;
    totals->bytes_read += facts->bytes_read;
    totals->pass = facts->pass;
}

/* Counts a line of `size` bytes that ends at `end`. */
static int count_line(struct job_log *log, struct job_log_place end, const char *line, size_t size,
                      const struct job_record_facts *facts)
{
    const struct job_log_place *mark = &log->last_mark;
    if (end.line - mark->line >= MARK_LINES || end.offset - mark->offset >= MARK_BYTES) {
        HOLD(&log->lock);
        buffer_append(&log->marks, &end, sizeof end);
        if (buffer_ok(&log->marks) < 0) {
            log->marks.failed = false; /* its content is intact */
            return -ENOMEM;
        }
        log->last_mark = end;
    }
    count_totals(&log->totals, end.line, line, size, facts);
    return 0;
}

/* The last place of the index at or before `line` lines. */
static struct job_log_place find_mark(const struct buffer *marks, uint64_t line)
{
    struct job_log_place found = {0};
    size_t low = 0;
    size_t high = marks->size / sizeof found;
    while (low < high) {
        struct job_log_place middle;
        size_t at = low + (high - low) / 2;
        memcpy(&middle, marks->data + at * sizeof middle, sizeof middle);
        if (middle.line <= line) {
            found = middle;
            low = at + 1;
        } else {
            high = at;
        }
    }
    return found;
}

/* ---- opening ---- */

/* Frees the whole blocks of the released part. */
static int free_blocks(const struct job_log *log, const struct released *released,
                       struct error *error)
{
    off_t size = (off_t)(released->place.offset / BLOCK_BYTES * BLOCK_BYTES);
    if (size == 0 || fallocate(log->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, size) == 0 ||
        errno == EOPNOTSUPP || errno == ENOSYS) {
        return 0;
    }
    return failed(log, "given back in part", errno, error);
}

static int open_file(struct job_log *log, struct error *error)
{
    const int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    struct stat status;
    log->fd = open(log->path, flags);
    if (log->fd < 0 && errno == ENOENT) {
        log->fd = open(log->path, flags | O_CREAT | O_EXCL, 0600);
        if (log->fd < 0) {
            return failed(log, "made", errno, error);
        }
        /* The name of a new file is synced before its content. */
        int r = whole_file_sync_parent(log->path);
        if (r < 0) {
            return failed(log, "made", -r, error);
        }
    }
    if (log->fd < 0 || fstat(log->fd, &status) < 0) {
        return failed(log, "opened", errno, error);
    }
    if (!S_ISREG(status.st_mode)) {
        return error_set(error, ERROR_IO, "the job's log '%.200s' is not a regular file",
                         error_file(log->path));
    }
    log->synced.offset = (uint64_t)status.st_size;
    return 0;
}

/* Finds the first line that was not released. */
static int find_start(struct job_log *log, struct error *error)
{
    struct released *released = &log->released;
    int r = released_read(log->released_path, released, error);
    if (r < 0) {
        return r;
    }
    if (released->place.offset > log->synced.offset) {
        return error_set(error, ERROR_IO, "the job's log '%.200s' is shorter than '%.200s' says",
                         error_file(log->path), error_file(log->released_path));
    }
    log->totals = released->totals;
    log->last_mark = released->place;
    return free_blocks(log, released, error); /* repeated, in case of a crash before it */
}

/* Reads all valid lines from the start on; cuts off the rest. */
static int take_in(struct job_log *log, bool ended, uint64_t *ret_cut_bytes, struct error *error)
{
    cleanup_scan struct scan scan;
    struct job_log_place end = log->released.place;
    uint64_t file_size = log->synced.offset;
    scan_init(&scan, log, end.offset, file_size);
    for (;;) {
        struct record record;
        int r = scan_record(&scan, &record, error);
        if (r < 0) {
            return r;
        }
        if (r == 0) {
            break;
        }
        log->last_offset = end.offset;
        end.line++;
        end.offset += record.size + 1;
        if (count_line(log, end, record.line, record.size, &record.facts) < 0) {
            return no_memory(error);
        }
    }
    if (end.offset < file_size && ftruncate(log->fd, (off_t)end.offset) < 0) {
        return failed(log, "cut behind its last whole line", errno, error);
    }
    /* The content may be in memory only: the last writer may have been killed before it synced. */
    if (file_size > 0 && !ended && fdatasync(log->fd) < 0) {
        return failed(log, "synced", errno, error);
    }
    log->synced = end;
    log->visible = log->totals;
    *ret_cut_bytes = file_size - end.offset;
    return 0;
}

static char *path_beside(const char *path, const char *name)
{
    const char *slash = strrchr(path, '/');
    char *beside = NULL;
    int length = slash ? (int)(slash + 1 - path) : 0;
    return asprintf(&beside, "%.*s%s", length, path, name) < 0 ? NULL : beside;
}

static int load(struct job_log *log, bool ended, uint64_t *ret_cut_bytes, struct error *error)
{
    if (!log->path || !log->released_path) {
        return no_memory(error);
    }
    int r = open_file(log, error);
    if (r < 0) {
        return r;
    }
    r = find_start(log, error);
    return r < 0 ? r : take_in(log, ended, ret_cut_bytes, error);
}

static int open_log(const char *path, bool ended, struct job_log **ret_log, uint64_t *ret_cut_bytes,
                    struct error *error)
{
    struct job_log *log = calloc(1, sizeof *log);
    if (!log) {
        return no_memory(error);
    }
    uint64_t cut_bytes = 0;
    log->fd = -1;
    log->path = strdup(path);
    log->released_path = path_beside(path, "released");
    (void)pthread_mutex_init(&log->releasing, NULL);
    (void)pthread_mutex_init(&log->lock, NULL);
    int r = load(log, ended, &cut_bytes, error);
    if (r < 0) {
        job_log_close(log);
        return r;
    }
    if (ret_cut_bytes) {
        *ret_cut_bytes = cut_bytes;
    }
    *ret_log = log;
    return 0;
}

int job_log_open(const char *path, struct job_log **ret_log, uint64_t *ret_cut_bytes,
                 struct error *error)
{
    return open_log(path, false, ret_log, ret_cut_bytes, error);
}

int job_log_open_ended(const char *path, struct job_log **ret_log, uint64_t *ret_cut_bytes,
                       struct error *error)
{
    return open_log(path, true, ret_log, ret_cut_bytes, error);
}

void job_log_close(struct job_log *log)
{
    if (!log) {
        return;
    }
    if (log->fd >= 0) {
        (void)close(log->fd);
    }
    buffer_done(&log->pending);
    buffer_done(&log->marks);
    (void)pthread_mutex_destroy(&log->lock);
    (void)pthread_mutex_destroy(&log->releasing);
    free(log->released_path);
    free(log->path);
    free(log);
}

/* ---- the writer ---- */

int job_log_append(struct job_log *log, const char *object, size_t size,
                   const struct job_record_facts *facts)
{
    struct buffer *pending = &log->pending;
    size_t start = pending->size;
    if (size < 2 || object[0] != '{' || object[size - 1] != '}' || memchr(object, '\n', size)) {
        return -EINVAL;
    }
    if (size > JOB_LOG_LINE_BYTES - JOB_RECORD_EXTRA_BYTES) {
        return -EMSGSIZE;
    }
    if (!buffer_reserve(pending, size + JOB_RECORD_EXTRA_BYTES)) {
        pending->failed = false; /* its content is intact */
        return -ENOMEM;
    }
    job_record_write(pending, object, size, facts);
    struct job_log_place end = {.line = log->totals.lines + 1,
                                .offset = log->synced.offset + pending->size};
    if (count_line(log, end, object, size, facts) < 0) {
        pending->size = start;
        return -ENOMEM;
    }
    log->pending_last = start;
    return 0;
}

size_t job_log_pending(const struct job_log *log)
{
    return log->pending.size;
}

static int write_all(const struct job_log *log)
{
    const struct buffer *pending = &log->pending;
    for (size_t done = 0; done < pending->size;) {
        ssize_t written = pwrite(log->fd, pending->data + done, pending->size - done,
                                 (off_t)(log->synced.offset + done));
        if (written == 0 || (written < 0 && errno != EINTR)) {
            return written == 0 ? -EIO : -errno;
        }
        done += written > 0 ? (size_t)written : 0;
    }
    return fdatasync(log->fd) < 0 ? -errno : 0;
}

/* Cuts off what may be behind the synced lines. */
static int cut_tail(struct job_log *log)
{
    if (log->tail && ftruncate(log->fd, (off_t)log->synced.offset) < 0) {
        return -errno;
    }
    log->tail = false;
    return 0;
}

int job_log_sync(struct job_log *log, struct error *error)
{
    struct buffer *pending = &log->pending;
    if (pending->size == 0) {
        return 0;
    }
    int r = cut_tail(log);
    if (r == 0) {
        log->tail = true;
        r = write_all(log);
    }
    if (r < 0) {
        (void)cut_tail(log); /* if it fails: before the next try */
        return failed(log, "written", -r, error);
    }
    log->tail = false;
    {
        HOLD(&log->lock);
        log->last_offset = log->synced.offset + log->pending_last;
        log->synced.line = log->totals.lines;
        log->synced.offset += pending->size;
        log->visible = log->totals;
    }
    if (pending->capacity > READ_BYTES) {
        buffer_done(pending);
    }
    buffer_clear(pending);
    return 0;
}

/* ---- readers ---- */

void job_log_totals(struct job_log *log, struct job_log_totals *ret_totals)
{
    HOLD(&log->lock);
    *ret_totals = log->visible;
}

static struct job_log_place synced_end(struct job_log *log)
{
    HOLD(&log->lock);
    return log->synced;
}

static int record_bad(const struct job_log *log, uint64_t line, struct error *error)
{
    return error_set(error, ERROR_IO, "line %" PRIu64 " of the job's log '%.200s' is damaged", line,
                     error_file(log->path));
}

static int read_last(const char *line, size_t size, char **ret_object,
                     struct job_record_facts *ret_facts)
{
    size_t visible;
    struct job_record_facts facts;
    int r = job_record_check(line, size, &visible, &facts);
    if (r < 0) {
        return r;
    }
    r = job_record_object(line, size, &facts, ret_object);
    if (r < 0) {
        return r;
    }
    *ret_facts = facts;
    return 0;
}

int job_log_last(struct job_log *log, char **ret_object, struct job_record_facts *ret_facts,
                 struct error *error)
{
    const struct buffer *pending = &log->pending;
    const char *line = NULL;
    size_t size = 0;
    cleanup_scan struct scan scan;
    uint64_t dropped;
    {
        HOLD(&log->lock);
        dropped = log->released.place.line;
        scan_init(&scan, log, log->last_offset, log->synced.offset);
    }
    if (log->totals.lines == dropped) { /* what was behind that, if anything, was cut off */
        *ret_object = NULL;
        *ret_facts = (struct job_record_facts){0};
        return 0;
    }
    int r = 1;
    if (pending->size > 0) {
        line = pending->data + log->pending_last;
        size = pending->size - log->pending_last - 1;
    } else {
        r = scan_next(&scan, &line, &size, error);
    }
    if (r < 0) {
        return r;
    }
    r = r == 0 ? -EBADMSG : read_last(line, size, ret_object, ret_facts);
    if (r == -EBADMSG) {
        return record_bad(log, log->totals.lines, error);
    }
    return r < 0 ? no_memory(error) : 0;
}

uint64_t job_log_dropped(struct job_log *log)
{
    HOLD(&log->lock);
    return log->released.place.line;
}

static int gone(uint64_t line, uint64_t dropped, struct error *error)
{
    return error_set(error, ERROR_NOT_FOUND,
                     "result %" PRIu64 " of the job was released, as were the first %" PRIu64,
                     line + 1, dropped);
}

int job_log_find(struct job_log *log, uint64_t line, struct job_log_place *ret_place,
                 struct error *error)
{
    struct job_log_place place;
    struct job_log_place end;
    struct job_log_place start;
    {
        HOLD(&log->lock);
        end = log->synced;
        start = log->released.place;
        place = line == end.line ? end : find_mark(&log->marks, line);
        place = place.line < start.line ? start : place;
    }
    if (line > end.line) {
        return -ERANGE;
    }
    if (line < start.line) {
        return gone(line, start.line, error);
    }
    cleanup_scan struct scan scan;
    scan_init(&scan, log, place.offset, end.offset);
    while (place.line < line) {
        const char *text;
        size_t size;
        int r = scan_next(&scan, &text, &size, error);
        if (r < 0) {
            return r;
        }
        if (r == 0) {
            return record_bad(log, place.line + 1, error);
        }
        place.line++;
        place.offset += size + 1;
    }
    *ret_place = place;
    return 0;
}

struct visit {
    struct buffer *out; /* for job_log_read */
    size_t enough;      /* size of it */
    int (*visit)(void *context, const char *line, size_t size,
                 const struct job_record_facts *facts);
    void *context;
};

static int take_line(const struct visit *visit, const struct record *record)
{
    if (!visit->out) {
        return visit->visit(visit->context, record->line, record->size, &record->facts);
    }
    buffer_append(visit->out, record->line, record->visible);
    buffer_append(visit->out, "}\n", 2);
    return buffer_ok(visit->out);
}

/* The released part reads as zeros, also when it is released during the read. */
static int check_there(struct job_log *log, uint64_t line, int otherwise, struct error *error)
{
    uint64_t dropped = job_log_dropped(log);
    return line < dropped ? gone(line, dropped, error) : otherwise;
}

static int each_line(struct job_log *log, struct job_log_place *place, const struct visit *visit,
                     struct error *error)
{
    struct job_log_place end = synced_end(log);
    cleanup_scan struct scan scan;
    scan_init(&scan, log, place->offset, end.offset);
    int there = place->line < end.line ? check_there(log, place->line, 0, error) : 0;
    if (there < 0) {
        return there;
    }
    while (place->line < end.line && (!visit->out || visit->out->size < visit->enough)) {
        struct record record;
        int r = scan_record(&scan, &record, error);
        if (r < 0) {
            return r;
        }
        if (r == 0) {
            r = record_bad(log, place->line + 1, error);
            return check_there(log, place->line, r, error);
        }
        r = take_line(visit, &record);
        if (r < 0) {
            return r;
        }
        place->line++;
        place->offset += record.size + 1;
    }
    return 0;
}

int job_log_read(struct job_log *log, struct job_log_place *place, struct buffer *out,
                 size_t max_bytes, struct error *error)
{
    struct visit visit = {.out = out, .enough = out->size + max_bytes};
    int r = each_line(log, place, &visit, error);
    return r == -ENOMEM ? no_memory(error) : r;
}

int job_log_each(struct job_log *log, struct job_log_place *place,
                 int (*visit)(void *context, const char *line, size_t size,
                              const struct job_record_facts *facts),
                 void *context, struct error *error)
{
    struct visit each = {.visit = visit, .context = context};
    return each_line(log, place, &each, error);
}

/* ---- giving up ---- */

/* Advances `released` to behind the first `line` lines. */
static int add_up(struct job_log *log, uint64_t line, uint64_t end, struct released *released,
                  struct error *error)
{
    cleanup_scan struct scan scan;
    scan_init(&scan, log, released->place.offset, end);
    while (released->place.line < line) {
        const char *text;
        size_t size;
        size_t visible;
        struct job_record_facts facts;
        int r = scan_next(&scan, &text, &size, error);
        if (r < 0) {
            return r;
        }
        if (r == 0 || job_record_check(text, size, &visible, &facts) < 0) {
            return record_bad(log, released->place.line + 1, error);
        }
        released->place.line++;
        released->place.offset += size + 1;
        count_totals(&released->totals, released->place.line, text, size, &facts);
    }
    return 0;
}

int job_log_drop(struct job_log *log, uint64_t line, struct error *error)
{
    HOLD(&log->releasing);
    struct job_log_place end = synced_end(log);
    struct released released = log->released;
    uint64_t freed_before = released.place.offset / BLOCK_BYTES;
    if (end.line == 0) {
        return 0;
    }
    line = line < end.line ? line : end.line - 1;
    int r = add_up(log, line, end.offset, &released, error);
    if (r < 0 || released.place.offset / BLOCK_BYTES == freed_before) {
        return r;
    }
    r = released_write(log->released_path, &released, error);
    if (r < 0) {
        return r;
    }
    {
        HOLD(&log->lock);
        log->released = released; /* readers see it from now on */
    }
    return free_blocks(log, &released, error);
}
