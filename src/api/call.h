/* SPDX-License-Identifier: Apache-2.0
 *
 * One HTTP request on its way through the daemon: which route took it, what the path captured, and
 * the route's own state, which lives as long as the call. Reference counted: the HTTP side holds
 * one reference until the request ends, whoever answers later holds another.
 */
#ifndef SITU_API_CALL_H
#define SITU_API_CALL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "api/api.h"
#include "base/buffer.h"
#include "base/error.h"
#include "http/http.h"

enum { CALL_CAPTURES = 4 };

struct route;

struct call {
    atomic_uint references;
    struct api *api;              /* borrowed */
    struct service *service;      /* borrowed; the api's */
    struct http_request *request; /* borrowed by HTTP's reference, owned by ours */
    const struct route *route;    /* NULL: none; see routes.h */
    char *path;                   /* owned; cut into pieces */
    const char *captures[CALL_CAPTURES];
    struct model *model; /* owned reference; NULL where the call names none */
    void *state;         /* the route's; freed by free_state */
    void (*free_state)(void *state);
    void (*_Atomic client_gone)(struct call *call); /* NULL: nothing to cancel */
    struct load_waiter waiter;                      /* for the model to be loaded */
    void (*loaded)(struct call *call, const struct error *error);
    atomic_bool answered;
    atomic_bool gone; /* the client is; set before client_gone is called */
};

struct call *call_ref(struct call *call);
void call_unref(struct call *call);

/* Zeroed memory for the call's state, which the call owns and frees by `free_state` at its end.
 * NULL: the call was answered. */
void *call_new_state(struct call *call, size_t size, void (*free_state)(void *state));

/* Finds the model that `captures[index]` names (and query `version`, or captures[version_index]
 * where that is >= 0); answers 404 itself and returns false where there is none. */
bool call_find_model(struct call *call, int index, int version_index);

/* The same for a path of V2, whose captures are the model and maybe its version; the message is the
 * one that Triton's clients look for. */
bool call_find_v2_model(struct call *call);

/* Calls `go` once the call's model is loaded, with NULL, or with why it cannot be: at once where
 * that is known, else later, on the task that loads. No thread waits, and the wait ends with the
 * client. */
void call_when_loaded(struct call *call, void (*go)(struct call *call, const struct error *error));

/* The same for a model that is being added; where the client leaves, its load is given up. `model`
 * is borrowed until then, or until the call ends. */
void call_when_tried(struct call *call, struct model *model,
                     void (*go)(struct call *call, const struct error *error));

/* Accepts a body of a control request's length, or of the configured length of data. */
void call_accept_control(struct call *call);
void call_accept_data(struct call *call);

/* The answer, counted by model and status. */
void call_respond(struct call *call, unsigned status, const char *content_type, struct buffer *body,
                  const char *const *headers);
void call_respond_json(struct call *call, unsigned status, struct buffer *body);
void call_respond_error(struct call *call, const struct error *error);
void call_respond_status(struct call *call, unsigned status, const char *message);
void call_respond_nothing(struct call *call);  /* 204 */
void call_respond_memory(struct call *call);   /* 503: out of memory */
void call_respond_stopping(struct call *call); /* 503 */

/* A 200 that is read from `source`, which is taken over; counted likewise. */
void call_respond_source(struct call *call, const char *content_type,
                         const struct http_source *source, const char *const *headers);

/* Begins a streamed answer, counted likewise. */
void call_begin_stream(struct call *call, const char *content_type, size_t low_water,
                       http_drained drained, void *context);

/* Is it one of Triton's own clients, Python or C++? Their example programs look for its name. */
bool call_is_by_triton(const struct call *call);

/* An event that a request brought about: one line of the log at level info, with its id. */
void call_log(const struct call *call, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

bool call_content_type_is(const struct call *call, const char *type);

/* A query parameter as a number within bounds, or `fallback`; false (answered 400) where it is not
 * one. */
bool call_query_number(struct call *call, const char *name, size_t lowest, size_t highest,
                       size_t fallback, size_t *ret_number);

#endif
