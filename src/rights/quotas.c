/* SPDX-License-Identifier: Apache-2.0
 *
 * Token buckets that hold one second's requests, and counts of running requests: see quotas.h.
 */
#include "rights/quotas.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

struct quota {
    struct quota *next; /* owned */
    enum grant_kind kind;
    char *name;        /* owned */
    double left;       /* requests that may come now */
    int64_t filled_ns; /* when `left` was computed */
    uint32_t running;
};

void quotas_init(struct quotas *quotas)
{
    *quotas = (struct quotas){.buckets = {NULL}};
    (void)pthread_mutex_init(&quotas->lock, NULL);
}

static void free_quota(struct quota *quota)
{
    free(quota->name);
    free(quota);
}

void quotas_done(struct quotas *quotas)
{
    for (size_t i = 0; i < QUOTA_BUCKETS; i++) {
        while (quotas->buckets[i]) {
            struct quota *quota = quotas->buckets[i];
            quotas->buckets[i] = quota->next;
            free_quota(quota);
        }
    }
    (void)pthread_mutex_destroy(&quotas->lock);
}

/* ---- under the lock ---- */

static struct quota **bucket_of(struct quotas *quotas, const struct grant *grant)
{
    uint32_t hash = (uint32_t)grant->kind + 2166136261u;
    for (const char *c = grant->name; *c; c++) {
        hash = (hash ^ (unsigned char)*c) * 16777619u;
    }
    return &quotas->buckets[hash % QUOTA_BUCKETS];
}

static struct quota *find_quota(struct quotas *quotas, const struct grant *grant, int64_t now_ns)
{
    struct quota **bucket = bucket_of(quotas, grant);
    for (struct quota *quota = *bucket; quota; quota = quota->next) {
        if (quota->kind == grant->kind && strcmp(quota->name, grant->name) == 0) {
            return quota;
        }
    }
    struct quota *quota = calloc(1, sizeof *quota);
    if (!quota) {
        return NULL;
    }
    quota->kind = grant->kind;
    quota->name = strdup(grant->name);
    quota->left = grant->requests_per_second;
    quota->filled_ns = now_ns;
    if (!quota->name) {
        free_quota(quota);
        return NULL;
    }
    quota->next = *bucket;
    *bucket = quota;
    return quota;
}

static void fill(struct quota *quota, uint32_t per_second, int64_t now_ns)
{
    double seconds = (double)(now_ns - quota->filled_ns) / (double)NS_PER_S;
    double left = quota->left + (seconds > 0 ? seconds : 0) * per_second;
    quota->left = left < per_second ? left : per_second;
    quota->filled_ns = now_ns > quota->filled_ns ? now_ns : quota->filled_ns;
}

static enum quota_verdict judge(struct quota *quota, const struct grant *grant, int64_t now_ns)
{
    if (!quota) {
        return QUOTA_MEMORY;
    }
    if (grant->concurrent > 0 && quota->running >= grant->concurrent) {
        return QUOTA_CONCURRENT;
    }
    if (grant->requests_per_second > 0) {
        fill(quota, grant->requests_per_second, now_ns);
        return quota->left < 1 ? QUOTA_RATE : QUOTA_TAKEN;
    }
    return QUOTA_TAKEN;
}

static bool is_limited(const struct grant *grant)
{
    return grant->requests_per_second > 0 || grant->concurrent > 0;
}

/* ---- public ---- */

enum quota_verdict quotas_take(struct quotas *quotas, const struct access *access, int64_t now_ns,
                               struct quota_hold *hold, const struct grant **ret_grant)
{
    struct quota *found[ACCESS_GRANTS];
    const struct grant *grants[ACCESS_GRANTS];
    size_t count = 0;
    hold->count = 0;
    for (size_t i = 0; i < access->grant_count; i++) {
        if (is_limited(access->grants[i])) {
            grants[count++] = access->grants[i];
        }
    }
    if (count == 0) {
        return QUOTA_TAKEN;
    }
    HOLD(&quotas->lock);
    for (size_t i = 0; i < count; i++) {
        found[i] = find_quota(quotas, grants[i], now_ns);
        enum quota_verdict verdict = judge(found[i], grants[i], now_ns);
        if (verdict != QUOTA_TAKEN) {
            *ret_grant = grants[i];
            return verdict;
        }
    }
    for (size_t i = 0; i < count; i++) {
        found[i]->left -= grants[i]->requests_per_second > 0 ? 1 : 0;
        found[i]->running++;
        hold->quotas[hold->count++] = found[i];
    }
    return QUOTA_TAKEN;
}

void quotas_release(struct quotas *quotas, struct quota_hold *hold)
{
    if (hold->count == 0) {
        return;
    }
    HOLD(&quotas->lock);
    for (size_t i = 0; i < hold->count; i++) {
        hold->quotas[i]->running--;
    }
    hold->count = 0;
}

void quotas_trim(struct quotas *quotas, const struct rights *rights)
{
    HOLD(&quotas->lock);
    for (size_t i = 0; i < QUOTA_BUCKETS; i++) {
        struct quota **at = &quotas->buckets[i];
        while (*at) {
            struct quota *quota = *at;
            if (quota->running > 0 || rights_find(rights, quota->kind, quota->name)) {
                at = &quota->next;
                continue;
            }
            *at = quota->next;
            free_quota(quota);
        }
    }
}
