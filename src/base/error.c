/* SPDX-License-Identifier: Apache-2.0
 *
 * Error codes, their words and errno values, and the texts of messages.
 */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int errnum;
} code_table[ERROR_CODE_COUNT] = {
    [ERROR_NONE] = {"none", 0},
    [ERROR_MALFORMED] = {"malformed", EINVAL},
    [ERROR_UNAUTHORIZED] = {"unauthorized", EACCES},
    [ERROR_FORBIDDEN] = {"forbidden", EPERM},
    [ERROR_NOT_FOUND] = {"not_found", ENOENT},
    [ERROR_CONFLICT] = {"conflict", EEXIST},
    [ERROR_TOO_LARGE] = {"too_large", EFBIG},
    [ERROR_UNDECODABLE] = {"undecodable", EBADMSG},
    [ERROR_UNFIT] = {"unfit", EDOM},
    [ERROR_BUSY] = {"busy", EBUSY},
    [ERROR_UNAVAILABLE] = {"unavailable", EAGAIN},
    [ERROR_DEADLINE] = {"deadline", ETIMEDOUT},
    [ERROR_WORKER_CRASHED] = {"worker_crashed", ECONNABORTED},
    [ERROR_UNREADABLE] = {"unreadable", EACCES},
    [ERROR_CHANGED] = {"changed", ESTALE},
    [ERROR_NO_SPACE] = {"no_space", ENOSPC},
    [ERROR_IO] = {"io", EIO},
    [ERROR_MEMORY] = {"memory", ENOMEM},
    [ERROR_CANCELLED] = {"cancelled", ECANCELED},
    [ERROR_INTERNAL] = {"internal", EPROTO},
};

int error_code_errno(enum error_code code)
{
    if ((unsigned)code >= ERROR_CODE_COUNT) {
        return -EPROTO;
    }
    return -code_table[code].errnum;
}

const char *error_code_name(enum error_code code)
{
    if ((unsigned)code >= ERROR_CODE_COUNT) {
        return code_table[ERROR_INTERNAL].name;
    }
    return code_table[code].name;
}

enum error_code error_code_parse(const char *name)
{
    for (unsigned i = 0; i < ERROR_CODE_COUNT; i++) {
        if (strcmp(code_table[i].name, name) == 0) {
            return (enum error_code)i;
        }
    }
    return ERROR_INTERNAL;
}

/* Removes an incomplete UTF-8 sequence from the end of a text that was cut. */
static void trim_character(char *text)
{
    size_t size = strlen(text);
    size_t lead = size;
    while (lead > 0 && size - lead < 3 && ((unsigned char)text[lead - 1] & 0xc0) == 0x80) {
        lead--;
    }
    unsigned char c = lead > 0 ? (unsigned char)text[lead - 1] : 0;
    size_t wanted = c >= 0xf0 ? 4 : (c >= 0xe0 ? 3 : (c >= 0xc0 ? 2 : 1));
    if (wanted > 1 && size - (lead - 1) < wanted) {
        text[lead - 1] = '\0';
    }
}

static void set_message(struct error *error, const char *format, va_list arguments)
{
    int size = vsnprintf(error->message, sizeof error->message, format, arguments);
    if (size < 0) {
        error->message[0] = '\0';
    } else if ((size_t)size >= sizeof error->message) {
        trim_character(error->message);
    }
}

int error_set(struct error *error, enum error_code code, const char *format, ...)
{
    if (error) {
        va_list arguments;
        va_start(arguments, format);
        error->code = code;
        set_message(error, format, arguments);
        va_end(arguments);
    }
    return error_code_errno(code);
}

enum error_code error_io_code(int errnum)
{
    return errnum == ENOSPC || errnum == EDQUOT ? ERROR_NO_SPACE : ERROR_IO;
}

int error_io(struct error *error, int errnum, const char *format, ...)
{
    enum error_code code = error_io_code(errnum);
    if (error) {
        char text[128];
        va_list arguments;
        va_start(arguments, format);
        error->code = code;
        set_message(error, format, arguments);
        va_end(arguments);
        size_t length = strlen(error->message);
        size_t room = sizeof error->message - length;
        if (snprintf(error->message + length, room, ": %s",
                     error_text(errnum, text, sizeof text)) >= (int)room) {
            trim_character(error->message);
        }
    }
    return error_code_errno(code);
}

int error_memory(struct error *error, const char *what)
{
    return error_set(error, ERROR_MEMORY, "out of memory%s%s", what ? " for " : "",
                     what ? what : "");
}

const char *error_file(const char *path)
{
    const char *file = path + strlen(path);
    for (unsigned slashes = 0; file > path; file--) {
        slashes += file[-1] == '/' && file[0] != '/' && file[0] != '\0';
        if (slashes == 2) {
            break;
        }
    }
    return file;
}

const char *error_text(int errnum, char *buffer, size_t size)
{
    /* The GNU form, which may return a constant string instead of filling the buffer. */
    const char *text = strerror_r(errnum < 0 ? -errnum : errnum, buffer, size);
    if (text != buffer && size > 0) {
        int written = snprintf(buffer, size, "%s", text);
        (void)written;
    }
    return buffer;
}
