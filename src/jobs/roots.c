/* SPDX-License-Identifier: Apache-2.0
 *
 * The file systems that a job remembers: see roots.h. Blocks on stores and the log.
 */
#include "jobs/roots.h"
#include "data/key.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "jobs/job_log.h"

enum { LINES_LOOKED_AT = 256 /* last lines of the log, searched for witnesses */ };

void roots_done(struct roots *roots)
{
    free(roots->list);
    *roots = (struct roots){.list = NULL};
}

static struct root *find(const struct roots *roots, const char *name, size_t length)
{
    for (size_t i = 0; i < roots->count; i++) {
        if (strlen(roots->list[i].name) == length &&
            memcmp(roots->list[i].name, name, length) == 0) {
            return &roots->list[i];
        }
    }
    return NULL;
}

static int add(struct roots *roots, const char *name, size_t length, struct root **ret_root)
{
    if (length > LIMIT_STORE_NAME || roots->count == LIMIT_STORES) {
        return -EINVAL;
    }
    struct root *list = reallocarray(roots->list, roots->count + 1, sizeof *list);
    if (!list) {
        return -ENOMEM;
    }
    roots->list = list;
    struct root *root = &list[roots->count++];
    *root = (struct root){.store = NULL};
    memcpy(root->name, name, length);
    *ret_root = root;
    return 0;
}

int roots_add(struct roots *roots, const char *name, uint64_t filesystem, bool device_only)
{
    struct root *root = NULL;
    if (find(roots, name, strlen(name))) {
        return -EINVAL;
    }
    int r = add(roots, name, strlen(name), &root);
    if (r < 0) {
        return r;
    }
    root->filesystem = filesystem;
    root->device_only = device_only;
    return 0;
}

/* ---- witnesses ---- */

/* The last inferred objects of one store; the oldest is overwritten first. */
struct witnesses {
    const struct root *root;
    struct witness {
        char *key; /* owned */
        struct identity identity;
    } last[ROOTS_WITNESSES];
    size_t next;  /* the next to overwrite, modulo their number */
    size_t count; /* entries with a key */
};

static void cleanup_witnesses_function(struct witnesses *witnesses)
{
    for (size_t i = 0; i < ROOTS_WITNESSES; i++) {
        free(witnesses->last[i].key);
    }
}
#define cleanup_witnesses __attribute__((cleanup(cleanup_witnesses_function)))

/* A later line of an object replaces an earlier one: it failed, or is gone. */
static void forget_witness(struct witnesses *witnesses, const char *key)
{
    for (size_t i = 0; i < ROOTS_WITNESSES; i++) {
        char **known = &witnesses->last[i].key;
        if (*known && strcmp(*known, key) == 0) {
            free(take_ptr(*known));
            witnesses->count--;
        }
    }
}

static int add_witness(struct witnesses *witnesses, const char *key,
                       const struct identity *identity)
{
    struct witness *witness = &witnesses->last[witnesses->next++ % ROOTS_WITNESSES];
    char *copy = strdup(key);
    if (!copy) {
        return -ENOMEM;
    }
    witnesses->count += witness->key ? 0 : 1;
    free(witness->key);
    *witness = (struct witness){.key = copy, .identity = *identity};
    return 0;
}

static int take_witness(void *context, const char *line, size_t size,
                        const struct job_record_facts *facts)
{
    struct witnesses *witnesses = context;
    cleanup_free char *object = NULL;
    bool gone = job_record_is_gone(line, size);
    if (facts->flawed || (!facts->has_identity && !gone)) {
        return 0;
    }
    int r = job_record_object(line, size, facts, &object);
    if (r < 0) {
        return r;
    }
    size_t length = 0;
    const char *key = key_in_object(object, &length);
    if (!key || length != strlen(witnesses->root->name) ||
        strncmp(object, witnesses->root->name, length) != 0 || key_check(key, NULL) < 0) {
        return 0;
    }
    forget_witness(witnesses, key);
    return gone || job_record_is_failure(line, size)
               ? 0
               : add_witness(witnesses, key, &facts->identity);
}

static int find_witnesses(struct job_log *log, struct witnesses *witnesses, struct error *error)
{
    struct job_log_totals totals;
    struct job_log_place place = {0};
    job_log_totals(log, &totals);
    uint64_t from = totals.lines > LINES_LOOKED_AT ? totals.lines - LINES_LOOKED_AT : 0;
    uint64_t dropped = job_log_dropped(log);
    int r = job_log_find(log, from > dropped ? from : dropped, &place, error);
    return r < 0 ? r : job_log_each(log, &place, take_witness, witnesses, error);
}

static bool is_there(const struct root *root, const struct witness *witness,
                     struct error *ret_fault)
{
    struct object_state now;
    *ret_fault = (struct error){.code = ERROR_NONE};
    return store_stat(root->store, witness->key, &now, ret_fault) == 0 &&
           store_is_same_remounted(root->store, &witness->identity, &now.identity);
}

static int refuse(const struct root *root, const char *why, struct error *error)
{
    return error_set(error, ERROR_UNAVAILABLE,
                     "store '%s' is on another file system than when the job started%s: mount "
                     "that one, or accept this one with `situ job resume --accept-store ID`",
                     root->name, why);
}

/* For a root that is known by a device number only: 0 if the last inferred objects are
 * unchanged. */
static int ask_witnesses(const struct root *root, const struct store_condition *condition,
                         struct job_log *log, struct error *error)
{
    cleanup_witnesses struct witnesses witnesses = {.root = root};
    struct error fault = {.code = ERROR_NONE};
    int r = find_witnesses(log, &witnesses, error);
    if (r < 0) {
        return r;
    }
    if (witnesses.count == 0 && condition->filesystem != root->filesystem) {
        return refuse(root, "", error);
    }
    for (size_t i = 0; i < ROOTS_WITNESSES; i++) {
        if (!witnesses.last[i].key || is_there(root, &witnesses.last[i], &fault)) {
            continue;
        }
        if (fault.code == ERROR_UNAVAILABLE || fault.code == ERROR_MEMORY) {
            *error = fault;
            return error_code_errno(fault.code);
        }
        return refuse(root, " (the objects inferred last have changed)", error);
    }
    return 0;
}

/* ---- checks ---- */

static int unavailable(const struct root *root, const struct store_condition *condition,
                       struct error *error)
{
    return error_set(error, ERROR_UNAVAILABLE, "store '%s' is unavailable: %s", root->name,
                     condition->reason);
}

static void remember(struct root *root, const struct store_condition *condition)
{
    root->filesystem = condition->filesystem;
    root->device_only = condition->device_only;
    root->generation = condition->generation;
}

/* A job of an earlier version has no roots, but may have results. */
static bool has_lines(struct job_log *log)
{
    struct job_log_totals totals = {0};
    if (log) {
        job_log_totals(log, &totals);
    }
    return totals.lines > 0;
}

/* Checks a root whose store exists. `log` is NULL if none of its objects was inferred before. */
static int check(struct root *root, bool is_new, struct job_log *log, bool *ret_new,
                 struct error *error)
{
    struct store_condition condition;
    store_look(root->store, &condition);
    if (!condition.available) {
        return unavailable(root, &condition, error);
    }
    if (is_new && !condition.filled && has_lines(log)) {
        return error_set(error, ERROR_UNAVAILABLE,
                         "store '%s' is empty, but the job has results of it: is its file system "
                         "mounted?",
                         root->name);
    }
    if (is_new) {
        remember(root, &condition);
        *ret_new = true;
        return 0;
    }
    bool checked = root->generation != 0 && root->generation == condition.generation;
    int r = 0;
    if (!checked && root->device_only) {
        r = ask_witnesses(root, &condition, log, error);
    } else if (!checked && condition.filesystem != root->filesystem) {
        r = refuse(root, "", error);
    }
    if (r < 0) {
        return r;
    }
    if (condition.filesystem != root->filesystem || condition.device_only != root->device_only) {
        *ret_new = true; /* the number has changed with a mount, or the store knows more now */
    }
    remember(root, &condition);
    return 0;
}

static struct store *look_for(const struct jobs_host *host, const struct root *root,
                              struct error *error)
{
    return host->store_find(host->context, root->name, strlen(root->name), error);
}

int roots_check(struct roots *roots, const char *store, const struct jobs_host *host,
                struct job_log *log, bool *ret_new, struct error *error)
{
    struct root *fresh = NULL;
    size_t known = roots->count;
    if (store && !find(roots, store, strlen(store)) &&
        add(roots, store, strlen(store), &fresh) == -ENOMEM) {
        return error_memory(error, NULL);
    }
    int r = 0;
    for (size_t i = 0; r == 0 && i < roots->count; i++) {
        struct root *root = &roots->list[i];
        root->store = look_for(host, root, NULL);
        if (root->store) { /* without a store: its objects fail one by one */
            r = check(root, i >= known, log, ret_new, error);
        }
    }
    if (roots->count > known && roots->list[known].generation == 0) {
        roots->count = known; /* unavailable: nothing to remember */
    }
    return r;
}

int roots_begin(struct roots *roots, const char *name, struct store *store)
{
    struct store_condition condition;
    struct root *root = NULL;
    store_condition(store, &condition);
    if (!condition.available) {
        return 0;
    }
    int r = add(roots, name, strlen(name), &root);
    if (r < 0) {
        return r == -ENOMEM ? r : 0;
    }
    remember(root, &condition);
    return 0;
}

int roots_meet(struct roots *roots, const char *object, struct store *store, bool *ret_new,
               struct error *error)
{
    for (size_t i = 0; i < roots->count; i++) {
        if (roots->list[i].store == store) {
            return 0;
        }
    }
    struct root *root = NULL;
    int r = add(roots, object, strcspn(object, "/"), &root);
    if (r < 0) {
        return error_memory(error, NULL);
    }
    root->store = store;
    r = check(root, true, NULL, ret_new, error);
    roots->count -= r < 0 ? 1 : 0;
    return r;
}

int roots_hold(struct roots *roots, bool look, struct error *error)
{
    for (size_t i = 0; i < roots->count; i++) {
        const struct root *root = &roots->list[i];
        struct store_condition condition;
        if (!root->store) {
            continue;
        }
        if (look) {
            store_look(root->store, &condition);
            if (!condition.available) {
                return unavailable(root, &condition, error);
            }
        }
        if (store_generation(root->store) != root->generation) {
            return error_set(error, ERROR_UNAVAILABLE,
                             "store '%s' was mounted again while the job ran: its file system is "
                             "checked",
                             root->name);
        }
    }
    return 0;
}

int roots_accept(struct roots *roots, const struct jobs_host *host, struct error *error)
{
    for (size_t i = 0; i < roots->count; i++) {
        struct root *root = &roots->list[i];
        struct store_condition condition;
        root->store = look_for(host, root, NULL);
        if (!root->store) {
            continue;
        }
        store_look(root->store, &condition);
        if (!condition.available) {
            return unavailable(root, &condition, error);
        }
        remember(root, &condition);
    }
    return 0;
}

bool roots_need_identity(const struct roots *roots, const struct store *store)
{
    for (size_t i = 0; i < roots->count; i++) {
        if (roots->list[i].store == store) {
            return roots->list[i].device_only;
        }
    }
    return false;
}
