/* SPDX-License-Identifier: Apache-2.0
 *
 * The seccomp filter of a worker, and what happens when a call hits it. The names of all calls are
 * looked up before the filter is loaded, because the handler must not allocate. For a call made
 * while SIGSYS is blocked there is no handler: the kernel ends the worker with that signal, and the
 * call stays unknown.
 */
#include "worker/syscall_filter.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "wire/message.h"

enum { SYSCALL_COUNT = 512, SYSCALL_NAME_SIZE = 32, EXIT_VIOLATION = 159 };

/* Written once before the filter is loaded, read by the signal handler. */
/* NOLINTBEGIN(cppcoreguidelines-avoid-non-const-global-variables): a handler has no argument */
static char syscall_names[SYSCALL_COUNT][SYSCALL_NAME_SIZE];
static int violation_fd = -1;
/* NOLINTEND(cppcoreguidelines-avoid-non-const-global-variables) */

static const int allowed_calls[] = {
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(futex),
    SCMP_SYS(read),
    SCMP_SYS(recvmsg),
    SCMP_SYS(recvfrom),
    SCMP_SYS(sendto),
    SCMP_SYS(sendmsg),
    SCMP_SYS(close),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sched_setaffinity),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(getrandom),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(restart_syscall),
};

/* Path calls fail with EACCES, so that the libraries can report an error and go on. */
static const int path_calls[] = {
    SCMP_SYS(open),      SCMP_SYS(openat),     SCMP_SYS(openat2),  SCMP_SYS(stat),
    SCMP_SYS(lstat),     SCMP_SYS(newfstatat), SCMP_SYS(statx),    SCMP_SYS(access),
    SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(readlink), SCMP_SYS(readlinkat),
};

static void on_violation(int signal_number, siginfo_t *info, void *context)
{
    (void)signal_number;
    (void)context;
    struct message_violation violation = {
        .header = {MESSAGE_VERSION, MESSAGE_VIOLATION},
        .number = info->si_syscall,
    };
    if (info->si_syscall >= 0 && info->si_syscall < SYSCALL_COUNT) {
        memcpy(violation.name, syscall_names[info->si_syscall], SYSCALL_NAME_SIZE);
    }
    ssize_t ignored = send(violation_fd, &violation, sizeof violation, MSG_NOSIGNAL);
    (void)ignored;
    _exit(EXIT_VIOLATION);
}

static void look_up_names(void)
{
    for (int number = 0; number < SYSCALL_COUNT; number++) {
        char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);
        (void)snprintf(syscall_names[number], SYSCALL_NAME_SIZE, "%.*s", SYSCALL_NAME_SIZE - 1,
                       name ? name : "unknown");
        free(name);
    }
}

static int add_call(scmp_filter_ctx filter, uint32_t action, int call)
{
    int r = seccomp_rule_add(filter, action, call, 0);
    /* A call that this architecture lacks needs no rule. */
    return r == -EDOM || r == -EINVAL ? 0 : r;
}

static int add_calls(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t count)
{
    int r = 0;
    for (size_t i = 0; i < count && r == 0; i++) {
        r = add_call(filter, action, calls[i]);
    }
    return r;
}

static int add_named(scmp_filter_ctx filter, const char *const *names)
{
    int r = 0;
    for (size_t i = 0; names[i] && r == 0; i++) {
        int call = seccomp_syscall_resolve_name(names[i]);
        r = call == __NR_SCMP_ERROR ? -ENOSYS : add_call(filter, SCMP_ACT_ALLOW, call);
    }
    return r;
}

/* Calls that are allowed with certain arguments only. */
static int add_conditional(scmp_filter_ctx filter)
{
    const struct {
        int call;
        struct scmp_arg_cmp argument;
    } rules[] = {
        {SCMP_SYS(write), SCMP_A0(SCMP_CMP_EQ, STDERR_FILENO)},
        /* No memory that can be executed. */
        {SCMP_SYS(mmap), SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)},
        {SCMP_SYS(mprotect), SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)},
        /* Threads, not processes. */
        {SCMP_SYS(clone), SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD)},
        /* abort() */
        {SCMP_SYS(tgkill), SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid())},
        {SCMP_SYS(prctl), SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME)},
    };
    int r = 0;
    for (size_t i = 0; i < sizeof rules / sizeof rules[0] && r == 0; i++) {
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, rules[i].call, 1, rules[i].argument);
    }
    return r;
}

static int build_filter(scmp_filter_ctx filter, const char *const *more)
{
    int r = add_calls(filter, SCMP_ACT_ALLOW, allowed_calls,
                      sizeof allowed_calls / sizeof allowed_calls[0]);
    r = r < 0 ? r
              : add_calls(filter, SCMP_ACT_ERRNO(EACCES), path_calls,
                          sizeof path_calls / sizeof path_calls[0]);
    r = r < 0 ? r : add_named(filter, more);
    /* glibc then falls back to clone, whose flags a filter can see. */
    r = r < 0 ? r : seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    return r < 0 ? r : add_conditional(filter);
}

/* A kernel without filters, or a container that does not permit one. */
static bool is_refused(int error)
{
    return error == EINVAL || error == ENOSYS || error == EPERM || error == EACCES;
}

/* *ret_refused: the kernel does not take a filter here. */
static int load_filter(const char *const *more, bool *ret_refused, struct error *error)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_TRAP);
    if (!filter) {
        return error_set(error, ERROR_MEMORY, "seccomp: out of memory");
    }
    int r = build_filter(filter, more);
    if (r == 0) {
        errno = 0; /* libseccomp's own code is the same for all causes in some versions */
        r = seccomp_load(filter);
        *ret_refused = r < 0 && is_refused(errno);
    }
    seccomp_release(filter);
    char text[64];
    return r == 0 || *ret_refused
               ? 0
               : error_set(error, ERROR_INTERNAL, "seccomp: %s", error_text(r, text, sizeof text));
}

int syscall_filter_install(int control_fd, const char *const *more, bool *ret_installed,
                           struct error *error)
{
    *ret_installed = false;
    look_up_names();
    violation_fd = control_fd;
    struct sigaction action = {.sa_sigaction = on_violation, .sa_flags = SA_SIGINFO};
    if (sigaction(SIGSYS, &action, NULL) < 0) {
        return error_set(error, ERROR_INTERNAL, "worker: no handler for SIGSYS");
    }
    bool refused = false;
    int r = load_filter(more, &refused, error);
    *ret_installed = r == 0 && !refused;
    return r;
}
