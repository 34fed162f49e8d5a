/* SPDX-License-Identifier: Apache-2.0
 *
 * Error codes and messages of the library, and reading the option structs of programs that were
 * compiled with an older or newer header.
 */
#include "client/fail.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SAME(public, inner)                                                                        \
    _Static_assert((int)(public) == (int)(inner), "public and inner error codes differ")

SAME(SITU_MALFORMED, ERROR_MALFORMED);
SAME(SITU_NOT_FOUND, ERROR_NOT_FOUND);
SAME(SITU_TOO_LARGE, ERROR_TOO_LARGE);
SAME(SITU_BUSY, ERROR_BUSY);
SAME(SITU_WORKER_CRASHED, ERROR_WORKER_CRASHED);
SAME(SITU_CHANGED, ERROR_CHANGED);
SAME(SITU_MEMORY, ERROR_MEMORY);
SAME(SITU_INTERNAL, ERROR_INTERNAL);

int client_code_errno(int code)
{
    switch (code) {
    case SITU_UNREACHABLE:
        return -EHOSTUNREACH;
    case SITU_PROTOCOL:
        return -EPROTO;
    case SITU_USAGE:
        return -EINVAL;
    default:
        return error_code_errno((enum error_code)code);
    }
}

enum situ_code client_code_parse(const char *word)
{
    enum error_code code = error_code_parse(word);
    return code == ERROR_NONE ? SITU_INTERNAL : (enum situ_code)code;
}

const char *situ_code_name(int code)
{
    switch (code) {
    case SITU_OK:
        return "ok";
    case SITU_UNREACHABLE:
        return "unreachable";
    case SITU_PROTOCOL:
        return "protocol";
    case SITU_USAGE:
        return "usage";
    default:
        break;
    }
    return code > 0 && code < ERROR_CODE_COUNT ? error_code_name((enum error_code)code) : "unknown";
}

int client_fail(struct situ_error *error, enum situ_code code, const char *format, ...)
{
    if (error) {
        va_list arguments;
        va_start(arguments, format);
        error->code = (int)code;
        if (vsnprintf(error->message, sizeof error->message, format, arguments) < 0) {
            error->message[0] = '\0';
        }
        va_end(arguments);
    }
    return client_code_errno((int)code);
}

int client_fail_memory(struct situ_error *error)
{
    return client_fail(error, SITU_MEMORY, "out of memory");
}

int client_fail_answer(struct situ_error *error, const struct error *reason)
{
    if (reason->code == ERROR_MEMORY) {
        return client_fail_memory(error);
    }
    return client_fail(error, SITU_PROTOCOL, "the array's answer cannot be read: %s",
                       reason->message);
}

int client_options(void *copy, size_t known, const void *options, struct situ_error *error)
{
    memset(copy, 0, known);
    if (!options) {
        return 0;
    }
    size_t given;
    memcpy(&given, options, sizeof given);
    if (given < sizeof given || given > 4096) {
        return client_fail(error, SITU_USAGE, "options: struct_size must be the struct's sizeof");
    }
    const unsigned char *bytes = options;
    for (size_t i = known; i < given; i++) {
        if (bytes[i]) {
            return client_fail(error, SITU_USAGE,
                               "options: a member is set that libsitu %s does not know",
                               SITU_VERSION);
        }
    }
    memcpy(copy, options, given < known ? given : known);
    return 0;
}
