/* SPDX-License-Identifier: Apache-2.0
 *
 * One HTTP request: prepared on a curl handle (also for streams), or performed as a whole, with
 * retries while the array is busy, and with error responses converted to struct situ_error.
 */
#ifndef SITU_CLIENT_TRANSFER_H
#define SITU_CLIENT_TRANSFER_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/limits.h"
#include "client/connection.h"

/* The longest response that is accepted: a tensor of 64 MiB is up to 256 MiB of JSON. */
#define ANSWER_BYTES_MAX (512 * MIB)

/* The size of a body that is sent in chunks. */
#define BODY_SIZE_UNKNOWN UINT64_MAX

/* A body that is generated while it is sent. */
struct body_source {
    /* Writes up to `size` bytes: 0 and *ret_size, which is 0 at the end only. */
    int (*read)(void *context, char *bytes, size_t size, size_t *ret_size);
    /* Restarts the body, so that it can be sent again; NULL: it cannot. */
    void (*rewind)(void *context);
    void *context;
    uint64_t size; /* or BODY_SIZE_UNKNOWN */
};

/* Everything is borrowed until the request is done. If the target is NULL, or the body that
 * `content` announces, the buffer had no memory: the request fails with SITU_MEMORY. */
struct request {
    const char *method;
    const char *target; /* path and query, percent-encoded */
    enum content content;
    const void *body;
    size_t body_size;
    const struct body_source *source; /* used in place of body, or NULL */
    bool compressed;                  /* the response may be, in any way that curl decodes */
    bool repeatable; /* may be sent again if the connection was cut before a response */
    bool once;       /* is never tried again */
};

/* A request without a body, and one with a JSON body. */
struct request request_of(const char *method, struct buffer *target);
struct request request_json(const char *method, struct buffer *target, struct buffer *body);

/* The state of a request on a curl handle; must not move until its end. */
struct transfer {
    struct situ *array; /* borrowed */
    const struct request *request;
    uint64_t sent; /* bytes transferred, headers and bodies */
    uint64_t received;
    int source_result; /* the body source's fault, or 0 */
    char fault[CURL_ERROR_SIZE];
};

/* Sets all options of the request except those for the response body. */
must_check int transfer_prepare(struct transfer *transfer, CURL *curl, struct situ *array,
                                const struct request *request, struct situ_error *error);

/* curl's write callback: appends to the struct buffer that is `context`, up to ANSWER_BYTES_MAX. */
size_t transfer_keep_bytes(char *bytes, size_t size, size_t count, void *context);

/* SITU_UNREACHABLE with curl's message about a failed transfer. */
int transfer_fail(const struct transfer *transfer, CURL *curl, CURLcode code,
                  struct situ_error *error);

/* The error of a response: that of its body `{"error": "...", "code": "..."}`, or of its status. */
int request_fail(const struct situ *array, long status, const struct buffer *body,
                 struct situ_error *error);

/* How long to wait before retry number `attempt`, from 0; `asked_s` is the array's Retry-After, or
 * 0. */
uint32_t transfer_retry_wait_ms(const struct situ *array, uint32_t attempt, long asked_s);

/* True if the status means that the same request may succeed later. */
bool transfer_retry_wanted(long status, long asked_s);

/* The number of retries: fewer for 503 than for a full queue, because an array that is starting is
 * ready soon, and a model that cannot be loaded, which has the same status, never is. */
uint32_t transfer_retry_limit(const struct situ *array, long status);

/* Performs the request. On success (2xx) `answer`, cleared before, has the response body. */
must_check int request_perform(struct situ *array, const struct request *request,
                               struct buffer *answer, struct situ_error *error);

#endif
