/* SPDX-License-Identifier: Apache-2.0
 *
 * Errors for people and client programs. A function whose failure needs an explanation takes a
 * caller-owned `struct error *` as its last parameter. The function that detects the fault fills it
 * with error_set(); callers pass it up unchanged.
 *
 * Any thread. Nothing here allocates.
 */
#ifndef SITU_BASE_ERROR_H
#define SITU_BASE_ERROR_H

#include <stddef.h>

/* What went wrong; error_code_name() is the word that clients see. The order is part of the
 * daemon<->worker messages: append only. */
enum error_code {
    ERROR_NONE = 0,
    ERROR_MALFORMED,      /* the request or file is not well formed */
    ERROR_UNAUTHORIZED,   /* no token, or a wrong one */
    ERROR_FORBIDDEN,      /* never allowed (Host check, path outside the import root) */
    ERROR_NOT_FOUND,      /* no such model, store or object */
    ERROR_CONFLICT,       /* already exists, or is in use */
    ERROR_TOO_LARGE,      /* above a named limit */
    ERROR_UNDECODABLE,    /* the object is not an image that can be decoded */
    ERROR_UNFIT,          /* well formed, but does not fit the model */
    ERROR_BUSY,           /* the queue is full */
    ERROR_UNAVAILABLE,    /* starting, stopping, or a model that cannot be loaded */
    ERROR_DEADLINE,       /* the deadline passed */
    ERROR_WORKER_CRASHED, /* the worker crashed on this object, which ran alone */
    ERROR_UNREADABLE,     /* the store could not read the object */
    ERROR_CHANGED,        /* the object changed while it was read, twice */
    ERROR_NO_SPACE,       /* the state directory's disk is full */
    ERROR_IO,             /* other input/output failure */
    ERROR_MEMORY,         /* out of memory */
    ERROR_CANCELLED,      /* the client is gone */
    ERROR_INTERNAL,       /* a fault of situ itself */
    ERROR_CODE_COUNT
};

enum { ERROR_MESSAGE_SIZE = 512 };

struct error {
    enum error_code code;
    char message[ERROR_MESSAGE_SIZE];
};

/* Fills *error (which may be NULL) and returns the code's negative errno, for `return
 * error_set(...)`. A message that is too long is cut between characters. */
int error_set(struct error *error, enum error_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for ERROR_MEMORY: "out of memory for WHAT", or "out of memory" if `what` is NULL. */
int error_memory(struct error *error, const char *what);

/* The same for a system call that failed with `errnum`: "FORMATTED TEXT: the system's text", with
 * the code of error_io_code(). */
int error_io(struct error *error, int errnum, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ERROR_NO_SPACE if the disk or the quota is full, otherwise ERROR_IO. */
enum error_code error_io_code(int errnum);

/* The negative errno of a code: ERROR_NOT_FOUND -> -ENOENT, and so on; 0 for ERROR_NONE. */
int error_code_errno(enum error_code code);

/* The stable lower-case word of a code ("not_found"); "internal" for a value out of range. */
const char *error_code_name(enum error_code code);

/* The code of such a word; ERROR_INTERNAL if it is unknown. */
enum error_code error_code_parse(const char *name);

/* A state file as messages name it: the last two components of `path`, so that clients do not learn
 * where the directory is. Points into `path`. */
const char *error_file(const char *path);

/* The text of an errno value (positive or negative) in the caller's buffer, which is returned. */
const char *error_text(int errnum, char *buffer, size_t size);

#endif
