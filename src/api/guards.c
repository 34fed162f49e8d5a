/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs before the body is accepted. Refuses requests that a web page may have caused a browser to
 * send, and those of callers without the right; see admit.h.
 */
#include "api/guards.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "api/admit.h"
#include "api/route.h"
#include "rights/right.h"

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

bool guards_admit(struct call *call)
{
    const struct api_listener *listener = http_request_listener_user(call->request);
    const char *host = http_request_header(call->request, "Host");
    if (listener->guard == API_GUARD_LOOPBACK && (!host || !is_loopback_name(host))) {
        call_respond_status(call, 403, "Host must be localhost or a loopback address here");
        return false;
    }
    if (!admit_caller(call, listener->guard)) {
        return false;
    }
    if (call->route->rights != 0 && !access_has(&call->access, call->route->rights)) {
        char wanted[192];
        char text[sizeof wanted + 32];
        (void)snprintf(text, sizeof text, "this request needs the right %s",
                       right_list(call->route->rights, wanted, sizeof wanted));
        call_respond_status(call, 403, text);
        return false;
    }
    return check_type(call, listener);
}
