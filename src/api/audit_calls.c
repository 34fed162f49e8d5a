/* SPDX-License-Identifier: Apache-2.0
 *
 * What goes into the audit log: see audit_calls.h.
 */
#include "api/audit_calls.h"

#include <stdio.h>
#include <string.h>

#include "api/call.h"
#include "api/peer.h"
#include "api/route.h"

void audit_call_begin(struct call *call)
{
    if (audit_is_on(&call->api->audit)) {
        peer_describe(http_request_descriptor(call->request), call->address, sizeof call->address);
    }
}

static bool starts_with(const char *text, const char *beginning)
{
    return strncmp(text, beginning, strlen(beginning)) == 0;
}

/* Who does not see everything gets 404 for what is hidden as for what is absent; the log does not
 * tell them apart either, so that a line takes no longer for one of them. */
static bool is_refused(const struct call *call, unsigned status)
{
    return status == 401 || status == 403 || (status == 404 && !access_knows_all(&call->access));
}

/* The word for what the call did; NULL: nothing that is logged. */
static const char *event_of(const struct call *call, unsigned status)
{
    const struct route *route = call->route;
    if (!route) {
        return NULL;
    }
    bool changes = strcmp(route->method, "GET") != 0;
    if (is_refused(call, status)) {
        return "refusal";
    }
    if (changes && route->rights == RIGHT_MODELS) {
        return "models";
    }
    if (changes && starts_with(route->pattern, "/v1/indexes") && route->rights != RIGHT_SEARCH) {
        return "indexes";
    }
    if (atomic_load(&call->of_others)) {
        return "jobs";
    }
    return route->rights == RIGHT_OBJECTS || route->rights == RIGHT_PACKAGES ? "read" : NULL;
}

static const char *outcome_of(unsigned status)
{
    switch (status) {
    case 0:
        return "unanswered";
    case 401:
        return "unauthorized";
    case 403:
        return "forbidden";
    case 404:
        return "not_found";
    default:
        return status < 400 ? "done" : "failed";
    }
}

void audit_call_end(const struct call *call)
{
    unsigned status = atomic_load(&call->status);
    const char *event = call->address[0] ? event_of(call, status) : NULL;
    if (event) {
        struct audit_event line = {.event = event,
                                   .request = http_request_label(call->request),
                                   .name = call->access.name,
                                   .address = call->address,
                                   .verb = http_request_method(call->request),
                                   .target = http_request_path(call->request),
                                   .outcome = outcome_of(status),
                                   .status = status};
        audit_write(&call->api->audit, &line);
    }
}

/* ---- rights ---- */

static void write_section(struct api *api, const struct grant *grant, const char *outcome)
{
    static const char *const kinds[GRANT_KINDS] = {"token", "user", "group"};
    char name[ACCESS_NAME_SIZE];
    (void)snprintf(name, sizeof name, "%s:%s", kinds[grant->kind], grant->name);
    audit_write(&api->audit,
                &(struct audit_event){.event = "rights", .target = name, .outcome = outcome});
}

/* Sections of `a` that `b` has not: `outcome`; with other contents: "changed", if `changes`. */
static void compare(struct api *api, const struct rights *a, const struct rights *b,
                    const char *outcome, bool changes)
{
    const struct grant *grant = NULL;
    for (size_t i = 0; a && (grant = rights_at(a, i)) != NULL; i++) {
        const struct grant *other = b ? rights_find(b, grant->kind, grant->name) : NULL;
        if (!other) {
            write_section(api, grant, outcome);
        } else if (changes && (!grant_is_same(grant, other) ||
                               grant->requests_per_second != other->requests_per_second ||
                               grant->concurrent != other->concurrent)) {
            write_section(api, grant, "changed");
        }
    }
}

void audit_rights(struct api *api, const struct rights *before, const struct rights *now,
                  const struct error *error)
{
    if (!audit_is_on(&api->audit)) {
        return;
    }
    if (error) {
        audit_write(&api->audit, &(struct audit_event){.event = "rights",
                                                       .target = error->message,
                                                       .outcome = "failed"});
    } else if (before != now) {
        compare(api, before, now, "removed", false);
        compare(api, now, before, "added", true);
    }
}
