/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs before the body is accepted. Refuses requests that a web page may have caused a browser to
 * send, and requests without a valid token.
 */
#include "api/guards.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "api/peer.h"
#include "api/route.h"
#include "base/clock.h"

static bool is_loopback_name(const char *host)
{
    size_t length = strlen(host);
    const char *colon = strrchr(host, ':');
    if (host[0] == '[') {
        const char *bracket = strchr(host, ']');
        bool ends = bracket && (bracket[1] == '\0' || bracket[1] == ':');
        length = ends ? (size_t)(bracket - host) + 1 : length;
    } else if (colon) {
        length = (size_t)(colon - host);
    }
    if ((length == 9 && strncasecmp(host, "localhost", 9) == 0) ||
        (length == 5 && strncmp(host, "[::1]", 5) == 0)) {
        return true;
    }
    return length > 4 && strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == length;
}

/* A web page can make a browser send a body to another origin without a preflight request, unless
 * its type is JSON or application/octet-stream. A browser then sets Origin, and reaches no unix
 * socket. */
static bool check_type(struct call *call, const struct api_listener *listener)
{
    const char *type = http_request_header(call->request, "Content-Type");
    bool is_unix = listener->guard == API_GUARD_UNIX;
    if (!call->route->accept || call_content_type_is(call, "application/json") ||
        call_content_type_is(call, "application/octet-stream")) {
        return true;
    }
    bool form = call_content_type_is(call, "application/x-www-form-urlencoded");
    bool origin = http_request_header(call->request, "Origin") != NULL;
    /* Triton's C++ client sends everything but its inferences with libcurl's default type, that of
     * a form. No page can make a browser send its User-Agent without a preflight request. */
    bool triton =
        form && !origin && call_is_by_triton(call) && strncmp(call->route->pattern, "/v2/", 4) == 0;
    bool taken = type ? triton || (is_unix && form)
                      : is_unix || !origin ||
                            http_request_header(call->request, "Inference-Header-Content-Length");
    if (!taken) {
        call_respond_status(call, 415,
                            form ? "Content-Type must be application/json or "
                                   "application/octet-stream, and a form's was sent: with curl add "
                                   "-H 'Content-Type: application/json'"
                                 : "Content-Type must be application/json or "
                                   "application/octet-stream");
    }
    return taken;
}

static void ask_for_token(struct call *call)
{
    static const char *const challenge[] = {"WWW-Authenticate", "Bearer", NULL};
    cleanup_buffer struct buffer body = BUFFER_INIT;
    call_write_message(&body, "unauthorized", "a token is needed: Authorization: Bearer TOKEN");
    call_respond(call, 401, "application/json", &body, challenge);
}

/* The access of a token; without one the call is refused. */
static bool admit_token(struct call *call, struct rights *rights)
{
    char name[ACCESS_NAME_SIZE];
    const char *token = secrets_bearer(http_request_header(call->request, "Authorization"));
    const struct grant *grant = token ? rights_find_token(rights, token) : NULL;
    if (!grant || (grant->expires_s > 0 && grant->expires_s <= clock_day_s())) {
        ask_for_token(call);
        return false;
    }
    (void)snprintf(name, sizeof name, "token:%s", grant->name);
    access_init(&call->access, rights, name);
    (void)access_add(&call->access, grant);
    return true;
}

/* The access of a user of this machine, who needs a section. */
static bool admit_user(struct call *call, struct rights *rights, const struct peer *peer)
{
    if (peer_is_trusted(peer->user)) {
        call->access = ACCESS_ALL;
        return true;
    }
    access_init_user(&call->access, rights, peer->user, peer->groups, peer->group_count);
    if (call->access.grant_count > 0) {
        return true;
    }
    call_respond_status(call, 403, "there are no rights for your user on this storage node");
    return false;
}

static bool admit_unix(struct call *call, struct rights *rights)
{
    cleanup_by(peer_done) struct peer peer = {0};
    if (rights_count(rights, GRANT_USER) + rights_count(rights, GRANT_GROUP) == 0) {
        call->access = ACCESS_ALL;
        return true;
    }
    if (peer_of_unix(http_request_descriptor(call->request), &peer) < 0) {
        call_respond_status(call, 403, "the kernel does not tell your user");
        return false;
    }
    return admit_user(call, rights, &peer);
}

/* Fills in the call's access. */
static bool admit_caller(struct call *call, const struct api_listener *listener)
{
    struct rights *rights = secrets_rights(&call->api->secrets);
    bool admitted = true;
    if (!rights || call->route->rights == 0) {
        call->access = ACCESS_ALL;
    } else if (listener->guard == API_GUARD_UNIX) {
        admitted = admit_unix(call, rights);
    } else {
        admitted = admit_token(call, rights);
    }
    rights_unref(rights);
    return admitted;
}

bool guards_admit(struct call *call)
{
    const struct api_listener *listener = http_request_listener_user(call->request);
    const char *host = http_request_header(call->request, "Host");
    if (listener->guard == API_GUARD_LOOPBACK && (!host || !is_loopback_name(host))) {
        call_respond_status(call, 403, "Host must be localhost or a loopback address here");
        return false;
    }
    if (!admit_caller(call, listener)) {
        return false;
    }
    if (call->route->rights != 0 && !access_has(&call->access, call->route->rights)) {
        call_respond_status(call, 403, "your rights do not allow this request");
        return false;
    }
    return check_type(call, listener);
}
