/* SPDX-License-Identifier: Apache-2.0
 *
 * Finds the caller's rights: see admit.h. A listener's thread, so that it asks the kernel only.
 */
#include "api/admit.h"

#include <stdio.h>

#include "api/call.h"
#include "api/loopback_peer.h"
#include "api/peer.h"
#include "api/route.h"
#include "base/clock.h"

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

static bool has_people(const struct rights *rights)
{
    return rights_count(rights, GRANT_USER) + rights_count(rights, GRANT_GROUP) > 0;
}

/* The access of a user of this machine, if it has a section, or keeps all. */
static bool admit_user(struct call *call, struct rights *rights, const struct peer *peer)
{
    if (peer_is_trusted(peer->user)) {
        call->access = ACCESS_ALL;
        return true;
    }
    if (rights) {
        access_init_user(&call->access, rights, peer->user, peer->groups, peer->group_count);
    }
    return call->access.grant_count > 0;
}

static bool refuse_user(struct call *call)
{
    call_respond_status(call, 403, "there are no rights for your user on this storage node");
    return false;
}

static bool admit_unasked(struct call *call)
{
    call->access = ACCESS_ALL;
    call->unasked = true;
    return true;
}

static bool admit_unix(struct call *call, struct rights *rights)
{
    cleanup_by(peer_done) struct peer peer = {0};
    if (!rights || !has_people(rights)) {
        return admit_unasked(call);
    }
    if (peer_of_unix(http_request_descriptor(call->request), &peer) < 0) {
        call_respond_status(call, 403, "the kernel does not tell your user");
        return false;
    }
    return admit_user(call, rights, &peer) || refuse_user(call);
}

/* Without tokens. Groups are not known here: a socket has its user only. */
static bool admit_loopback(struct call *call, struct rights *rights)
{
    struct loopback_users *users = &call->api->loopback_users;
    struct peer peer = {0};
    if (!loopback_users_configured(users) && !(rights && has_people(rights))) {
        return admit_unasked(call);
    }
    if (loopback_peer_user(http_request_descriptor(call->request), &peer.user) < 0) {
        call_respond_status(call, 401,
                            "your user cannot be found: keep the connection open in both "
                            "directions until the response has arrived");
        return false;
    }
    if (admit_user(call, rights, &peer)) {
        return true;
    }
    access_done(&call->access);
    if (loopback_users_have(users, peer.user)) {
        call->access = ACCESS_ALL;
        call->named = true;
        call->user = peer.user;
        return true;
    }
    return refuse_user(call);
}

static bool admit_with(struct call *call, enum api_guard guard, struct rights *rights)
{
    bool tokens = rights && rights_count(rights, GRANT_TOKEN) > 0;
    if (call->route->rights == 0) {
        call->access = ACCESS_ALL;
        return true;
    }
    if (guard == API_GUARD_UNIX) {
        return admit_unix(call, rights);
    }
    if (guard == API_GUARD_LOOPBACK && !tokens) {
        return admit_loopback(call, rights);
    }
    if (rights) {
        return admit_token(call, rights);
    }
    return admit_unasked(call);
}

/* Counts the call in the quotas of its sections, or refuses it. */
static bool take_quota(struct call *call)
{
    struct error error;
    const struct grant *grant = NULL;
    switch (quotas_take(&call->api->quotas, &call->access, clock_now_ns(), &call->hold, &grant)) {
    case QUOTA_TAKEN:
        return true;
    case QUOTA_RATE:
        (void)error_set(&error, ERROR_BUSY,
                        "the rights of '%s' allow %u requests per second: try again later",
                        grant->name, grant->requests_per_second);
        break;
    case QUOTA_CONCURRENT:
        (void)error_set(&error, ERROR_BUSY,
                        "the rights of '%s' allow %u requests at a time: try again when one of "
                        "them has ended",
                        grant->name, grant->concurrent);
        break;
    default:
        (void)error_memory(&error, NULL);
    }
    call_respond_error(call, &error);
    return false;
}

bool admit_caller(struct call *call, enum api_guard guard)
{
    struct rights *rights = secrets_rights(&call->api->secrets);
    bool admitted = admit_with(call, guard, rights);
    rights_unref(rights);
    return admitted && take_quota(call);
}

/* Whether whoever calls there would still be admitted without a question. */
static bool is_unasked(struct call *call, const struct rights *rights)
{
    const struct api_listener *listener = http_request_listener_user(call->request);
    switch (listener->guard) {
    case API_GUARD_UNIX:
        return !rights || !has_people(rights);
    case API_GUARD_LOOPBACK:
        return !rights && !loopback_users_configured(&call->api->loopback_users);
    default:
        return !rights;
    }
}

bool admit_still(struct call *call, const struct rights *rights, int64_t now_s)
{
    if (call->unasked) {
        return is_unasked(call, rights);
    }
    if (call->named) {
        return loopback_users_have(&call->api->loopback_users, call->user);
    }
    return call->access.all ||
           (!access_is_over(&call->access, now_s) && access_is_in(&call->access, rights));
}
