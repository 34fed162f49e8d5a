/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes sections: see rights_section.h.
 */
#include "cli/rights_section.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "base/whole_file.h"
#include "rights/rights.h"

/* ---- text ---- */

static bool is_line(const char *text)
{
    for (const char *c = text; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            return false;
        }
    }
    return utf8_valid(text, strlen(text));
}

static int put_line(struct buffer *out, const char *name, const char *value, struct error *error)
{
    if (value && !is_line(value)) {
        return error_set(error, ERROR_MALFORMED,
                         "%s: it must be one line of UTF-8, without control bytes", name);
    }
    if (value) {
        buffer_printf(out, "%s = %s\n", name, value);
    }
    return 0;
}

static void put_limit(struct buffer *out, const char *name, uint64_t value)
{
    if (value > 0) {
        buffer_printf(out, "%s = %" PRIu64 "\n", name, value);
    }
}

int rights_section_write(const struct rights_section *section, const char *hash, struct buffer *out,
                         struct error *error)
{
    if (!is_line(section->name)) {
        return error_set(error, ERROR_MALFORMED,
                         "the name of a token has 1 to 64 of A-Z a-z 0-9 . _ -");
    }
    buffer_printf(out, "[token %s]\nhash = %s\n", section->name, hash);
    int r = put_line(out, "rights", section->rights, error);
    r = r < 0 ? r : put_line(out, "stores", section->stores, error);
    r = r < 0 ? r : put_line(out, "expires", section->expires, error);
    put_limit(out, "requests_per_second", section->requests_per_second);
    put_limit(out, "concurrent", section->concurrent);
    return r < 0 || buffer_ok(out) == 0 ? r : error_memory(error, NULL);
}

/* ---- file ---- */

/* The file's text with the section behind it. */
static int join(const char *path, const struct buffer *text, struct buffer *out,
                struct error *error)
{
    struct error cause = {0};
    struct rights *rights = NULL;
    int r = whole_file_read(path, LIMIT_TOKEN_FILE_BYTES, out);
    if (r < 0 && r != -ENOENT) {
        return r == -EINVAL ? error_set(error, ERROR_MALFORMED, "'%s' is no regular file", path)
                            : error_io(error, -r, "'%s' cannot be read", path);
    }
    if (out->size > 0) {
        buffer_append(out, "\n\n", out->data[out->size - 1] == '\n' ? 1 : 2);
    }
    buffer_append(out, text->data, text->size);
    if (buffer_ok(out) < 0) {
        return error_memory(error, NULL);
    }
    if (rights_parse(out->data, out->size, &rights, &cause) < 0) {
        return error_set(error, cause.code, "'%.200s': %s", path, cause.message);
    }
    rights_unref(rights);
    return 0;
}

/* As the file that it replaces. */
static int take_mode(int fd, const char *path)
{
    struct stat old;
    if (stat(path, &old) < 0) {
        return errno == ENOENT ? 0 : -errno;
    }
    return fchown(fd, old.st_uid, old.st_gid) < 0 || fchmod(fd, old.st_mode & 07777) < 0 ? -errno
                                                                                         : 0;
}

static int replace(int fd, const char *fresh, const char *path, const struct buffer *text,
                   struct error *error)
{
    cleanup_buffer struct buffer whole = BUFFER_INIT;
    int r = join(path, text, &whole, error);
    if (r < 0) {
        return r;
    }
    r = take_mode(fd, path);
    if (r < 0) {
        return error_io(error, -r, "'%s' cannot be given to the owner of the old file", fresh);
    }
    r = whole_file_fill(fd, whole.data, whole.size);
    if (whole.data) {
        explicit_bzero(whole.data, whole.size); /* maybe with tokens of the old form */
    }
    if (r < 0 || rename(fresh, path) < 0) {
        return error_io(error, r < 0 ? -r : errno, "'%s' cannot be written", path);
    }
    return 0;
}

int rights_section_add(const char *path, const struct buffer *text, struct error *error)
{
    char fresh[PATH_MAX + 8];
    cleanup_free char *real = realpath(path, NULL); /* not the link to it */
    if (!real && errno != ENOENT) {
        return error_io(error, errno, "'%s' cannot be found", path);
    }
    const char *target = real ? real : path;
    int length = snprintf(fresh, sizeof fresh, "%s.new", target);
    if (length < 0 || (size_t)length >= sizeof fresh) {
        return error_io(error, ENAMETOOLONG, "'%s.new' cannot be made", target);
    }
    cleanup_fd int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return errno == EEXIST
                   ? error_set(error, ERROR_CONFLICT,
                               "'%s' exists: another situ writes it, or one was interrupted; then "
                               "remove it",
                               fresh)
                   : error_io(error, errno, "'%s' cannot be made", fresh);
    }
    int r = replace(fd, fresh, target, text, error);
    if (r < 0) {
        (void)unlink(fresh);
        return r;
    }
    r = whole_file_sync_parent(target);
    return r < 0 ? error_io(error, -r, "'%s' has the section, but maybe not on disk", target) : 0;
}
