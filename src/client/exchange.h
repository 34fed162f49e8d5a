/* SPDX-License-Identifier: Apache-2.0
 *
 * One HTTP request: prepared on a curl handle (for the streams, too), or done whole, with the
 * retries that a busy array asks for and its error bodies turned into struct situ_error.
 */
#ifndef SITU_CLIENT_EXCHANGE_H
#define SITU_CLIENT_EXCHANGE_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/limits.h"
#include "client/connection.h"

/* An answer longer than this is refused: a tensor of 64 MiB is up to 256 MiB as JSON. */
#define ANSWER_BYTES_MAX (512 * MIB)

/* Of a body that goes in chunks. */
#define BODY_SIZE_UNKNOWN UINT64_MAX

/* A body that is made while it is sent. */
struct body_source {
    /* Fills up to `size` bytes; 0 and *ret_size, which is 0 only at the end. */
    int (*read)(void *context, char *bytes, size_t size, size_t *ret_size);
    /* Goes back to the start, so that the body can be sent again; NULL: it cannot. */
    void (*rewind)(void *context);
    void *context;
    uint64_t size; /* or BODY_SIZE_UNKNOWN */
};

/* Everything is borrowed until the request is done. A target, or a body that `content` says there
 * is, that is NULL could not be written: the request fails with SITU_MEMORY. */
struct request {
    const char *method;
    const char *target; /* path and query, percent-encoded */
    enum content content;
    const void *body;
    size_t body_size;
    const struct body_source *source; /* in place of body, or NULL */
    bool compressed;                  /* the answer may be, by all that curl can undo */
    bool repeatable; /* may be sent again where the connection was cut before an answer */
    bool once;       /* no second try, whatever comes */
};

/* A request without a body, and one with a JSON body. */
struct request request_of(const char *method, struct buffer *target);
struct request request_json(const char *method, struct buffer *target, struct buffer *body);

/* What a request on a curl handle fills while it runs; stays where it is until the end. */
struct exchange {
    struct situ *array; /* borrowed */
    const struct request *request;
    uint64_t sent; /* bytes on the wire, heads and bodies */
    uint64_t received;
    int source_result; /* of the body source, where it failed */
    char fault[CURL_ERROR_SIZE];
};

/* Sets all options of the request but where the answer goes. */
must_check int exchange_prepare(struct exchange *exchange, CURL *curl, struct situ *array,
                                const struct request *request, struct situ_error *error);

/* curl's write callback: appends to the struct buffer that is `context`, up to ANSWER_BYTES_MAX. */
size_t exchange_keep_bytes(char *bytes, size_t size, size_t count, void *context);

/* SITU_UNREACHABLE with what curl says about a failed exchange. */
int exchange_fail(const struct exchange *exchange, CURL *curl, CURLcode code,
                  struct situ_error *error);

/* The error in a body `{"error": "...", "code": "..."}`, or what the status says. */
int request_fail(const struct situ *array, long status, const struct buffer *body,
                 struct situ_error *error);

/* How long to wait before attempt number `attempt` (0: the first retry) in milliseconds;
 * `asked_s` is the array's Retry-After, 0 where it gave none. */
uint32_t retry_wait_ms(const struct situ *array, uint32_t attempt, long asked_s);

/* True where the status says that the same request may be answered later. */
bool retry_wanted(long status, long asked_s);

/* How often: an array that starts is there in a moment, a model that cannot be loaded (the same
 * status) never, so a 503 is not waited for as long as a full queue. */
uint32_t retry_limit(const struct situ *array, long status);

/* Does the request. On success (2xx) the body has been appended to `answer` (cleared before). */
must_check int request_perform(struct situ *array, const struct request *request,
                               struct buffer *answer, struct situ_error *error);

#endif
