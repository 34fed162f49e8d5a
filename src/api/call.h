/* SPDX-License-Identifier: Apache-2.0
 *
 * One HTTP request in the interface: its route, the captures of its path, and the route's own
 * state, which lives as long as the call. Reference counted: the HTTP side holds a reference until
 * the request ends, and a thread that answers later holds another.
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
#include "rights/access.h"

enum { CALL_CAPTURES = 4 };

struct route;

enum call_live { CALL_NOT_YET_LIVE, CALL_LIVE, CALL_OVER };

struct call {
    atomic_uint references;
    struct api *api;              /* borrowed */
    struct service *service;      /* borrowed; the api's */
    struct http_request *request; /* each reference to the call holds one to it */
    const struct route *route;    /* NULL: none matches; see route.h */
    char *path;                   /* owned; cut into pieces */
    const char *captures[CALL_CAPTURES];
    struct access access;   /* what the caller may do; see admit.h */
    struct quota_hold hold; /* of the quotas of the access */
    char address[64];       /* the client's, for the audit log; "" where that is off */
    atomic_uint status;     /* of the answer; 0: none yet */
    atomic_bool of_others;  /* changes a job of another caller */
    bool named;             /* it may do all because loopback_users has this user: */
    uint32_t user;
    bool unasked;        /* it may do all because nothing asked who it is */
    struct model *model; /* owned reference; NULL: the call names none */
    void *state;         /* the route's; freed by free_state */
    void (*free_state)(void *state);
    void (*_Atomic client_gone)(struct call *call); /* NULL: nothing to cancel */
    struct load_waiter waiter;                      /* for the model to be loaded */
    void (*loaded)(struct call *call, const struct error *error);
    struct call *live_next; /* guarded by the lock of the api's live calls, as those below */
    struct call *live_previous;
    enum call_live live;
    atomic_bool answered;
    atomic_bool gone; /* the client has left; set before client_gone is called */
};

struct call *call_ref(struct call *call);
void call_unref(struct call *call);

/* Allocates the call's state, zeroed, which the call frees by `free_state` at its end. NULL: out of
 * memory; the call was answered. */
void *call_new_state(struct call *call, size_t size, void (*free_state)(void *state));

/* An object of a store. All pointers are borrowed. */
struct call_object {
    struct store *store;
    const char *key;
    bool hidden; /* the caller may not know of it: store_hide() */
};

/* Finds the object STORE/KEY, for which the caller needs the right. ERROR_FORBIDDEN: the caller
 * knows it, but lacks the right; ERROR_MALFORMED, ERROR_NOT_FOUND. */
must_check int call_find_object(const struct call *call, enum right right, const char *object,
                                struct call_object *ret_object, struct error *error);
/* The same, as the object of `item`, which stays as it is on an error. */
must_check int call_find_item(const struct call *call, enum right right, const char *object,
                              struct infer_item *item, struct error *error);

/* Finds the model that `captures[index]` names, in the version of captures[version_index], or of
 * the query parameter `version` if version_index is negative. Without one it answers 404 and
 * returns false. */
bool call_find_model(struct call *call, int index, int version_index);

/* The same for a path of V2, whose captures are the model and maybe its version, with the message
 * that Triton's clients look for. */
bool call_find_v2_model(struct call *call);

/* Calls `go` with NULL once the call's model is loaded, or with the error: at once if the state is
 * known, otherwise later, on the task that loads. No thread waits; the wait ends when the client
 * leaves. */
void call_when_loaded(struct call *call, void (*go)(struct call *call, const struct error *error));

/* The same for a model that is being added; if the client leaves, its load is aborted. `model` is
 * borrowed until then, or until the call ends. */
void call_when_tried(struct call *call, struct model *model,
                     void (*go)(struct call *call, const struct error *error));

/* Accepts a body of at most LIMIT_JSON_BYTES, or of the configured limit. */
void call_accept_control(struct call *call);
void call_accept_data(struct call *call);

/* Sends the answer, counted by model and status. Only the first answer of a call is sent. */
void call_respond(struct call *call, unsigned status, const char *content_type, struct buffer *body,
                  const char *const *headers);
void call_respond_json(struct call *call, unsigned status, struct buffer *body);
/* The body of an error: {"error":MESSAGE,"code":WORD}, a line. */
void call_write_message(struct buffer *body, const char *word, const char *message);
void call_respond_error(struct call *call, const struct error *error);
void call_respond_status(struct call *call, unsigned status, const char *message);
void call_respond_nothing(struct call *call);  /* 204 */
void call_respond_memory(struct call *call);   /* 503: out of memory */
void call_respond_stopping(struct call *call); /* 503 */

/* The same with status 200 and a body that is read from `source`, which is taken over. */
void call_respond_source(struct call *call, const char *content_type,
                         const struct http_source *source, const char *const *headers);

/* Starts a streamed answer with status 200, counted likewise. */
void call_begin_stream(struct call *call, const char *content_type, size_t low_water,
                       http_drained drained, void *context);

/* Whether the client is Triton's own, in Python or C++. */
bool call_is_by_triton(const struct call *call);

/* Logs an event that a request caused, at level info, with the request's id. */
void call_log(const struct call *call, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

bool call_content_type_is(const struct call *call, const char *type);

/* Reads a query parameter as a number within bounds, or `fallback` without one; answers 400 and
 * returns false if it is not one. */
bool call_query_number(struct call *call, const char *name, size_t lowest, size_t highest,
                       size_t fallback, size_t *ret_number);

#endif
