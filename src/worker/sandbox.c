/* SPDX-License-Identifier: Apache-2.0
 *
 * Limits, privileges and Landlock of a worker; the system call filter is in syscall_filter.c. Runs
 * on the worker's only thread.
 */
#include "worker/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <linux/landlock.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "worker/syscall_filter.h"

enum { NOBODY = 65534, OPEN_FILES = 1024 };

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define UNDER_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define UNDER_SANITIZER 1
#endif
#endif
#ifndef UNDER_SANITIZER
#define UNDER_SANITIZER 0
#endif

/* struct landlock_ruleset_attr as of ABI 6; older kernels use the first part of it. */
struct landlock_rules {
    uint64_t handled_access_fs;
    uint64_t handled_access_net;
    uint64_t scoped;
};

/* A hard limit that is lower already is kept: only root could raise it. */
static int set_limit(__rlimit_resource_t resource, uint64_t value, struct error *error)
{
    struct rlimit limit;
    if (getrlimit(resource, &limit) == 0 && limit.rlim_max < value) {
        value = limit.rlim_max;
    }
    limit = (struct rlimit){.rlim_cur = value, .rlim_max = value};
    if (setrlimit(resource, &limit) < 0) {
        char text[64];
        return error_set(error, ERROR_INTERNAL, "worker limit %d: %s", (int)resource,
                         error_text(errno, text, sizeof text));
    }
    return 0;
}

static int set_limits(const struct sandbox_options *options, struct error *error)
{
    const struct {
        __rlimit_resource_t resource;
        uint64_t value;
    } limits[] = {{RLIMIT_CORE, 0}, {RLIMIT_FSIZE, 0}, {RLIMIT_NOFILE, OPEN_FILES}};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        int r = set_limit(limits[i].resource, limits[i].value, error);
        if (r < 0) {
            return r;
        }
    }
    return options->memory_bytes > 0 && !UNDER_SANITIZER
               ? set_limit(RLIMIT_AS, options->memory_bytes, error)
               : 0;
}

/* A worker of a root daemon becomes nobody: it needs nothing that root may do. */
static int drop_root(struct error *error)
{
    if (geteuid() != 0) {
        return 0;
    }
    if (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
        setresuid(NOBODY, NOBODY, NOBODY) < 0) {
        /* In a container root may lack CAP_SETUID, and most other privileges with it. */
        if (errno != EPERM && errno != EINVAL) {
            char text[64];
            return error_set(error, ERROR_INTERNAL, "worker cannot become nobody: %s",
                             error_text(errno, text, sizeof text));
        }
    }
    return 0;
}

static int die_with_parent(pid_t parent, struct error *error)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) {
        return error_set(error, ERROR_INTERNAL, "worker: PR_SET_PDEATHSIG is refused");
    }
    if (parent != 0 && getppid() != parent) {
        return error_set(error, ERROR_CANCELLED, "worker: situd is gone");
    }
    return 0;
}

static int deny_file_system(int *ret_abi, struct error *error)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi <= 0) {
        *ret_abi = 0;
        return 0;
    }
    static const unsigned fs_rights[] = {0, 13, 14, 15, 15, 16}; /* by ABI; 16 from 5 on */
    struct landlock_rules rules = {0};
    size_t size = offsetof(struct landlock_rules, handled_access_net);
    rules.handled_access_fs = (UINT64_C(1) << fs_rights[abi < 5 ? abi : 5]) - 1;
    if (abi >= 4) {
        rules.handled_access_net = 3; /* bind and connect of TCP */
        size = offsetof(struct landlock_rules, scoped);
    }
    if (abi >= 6) {
        rules.scoped = 3; /* abstract unix sockets, signals */
        size = sizeof rules;
    }
    char text[64];
    long ruleset = syscall(SYS_landlock_create_ruleset, &rules, size, 0);
    if (ruleset < 0) {
        return error_set(error, ERROR_INTERNAL, "Landlock: %s",
                         error_text(errno, text, sizeof text));
    }
    int r = 0;
    if (syscall(SYS_landlock_restrict_self, (int)ruleset, 0) < 0) {
        r = error_set(error, ERROR_INTERNAL, "Landlock: %s", error_text(errno, text, sizeof text));
    }
    (void)close((int)ruleset);
    *ret_abi = (int)abi;
    return r;
}

int sandbox_enter(const struct sandbox_options *options, struct sandbox_state *ret_state,
                  struct error *error)
{
    ret_state->seccomp = false;
    (void)setsid();
    int r = set_limits(options, error);
    if (r < 0) {
        return r;
    }
    r = drop_root(error);
    if (r < 0) {
        return r;
    }
    r = die_with_parent(options->parent, error); /* after setuid, which clears it */
    if (r < 0) {
        return r;
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        return error_set(error, ERROR_INTERNAL, "worker: no_new_privs is refused");
    }
    r = deny_file_system(&ret_state->landlock_abi, error);
    if (r < 0 || UNDER_SANITIZER) {
        return r;
    }
    return syscall_filter_install(options->control_fd, options->system_calls, &ret_state->seccomp,
                                  error);
}
