/* SPDX-License-Identifier: Apache-2.0
 *
 * without_call [-p] NAME[:FIRST],... PROGRAM ARGUMENT...: runs a program as if the kernel had no
 * such system calls (ENOSYS), or with -p as in a container that refuses them (EPERM); with :FIRST
 * only if that is the first argument.
 */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int leave_out(scmp_filter_ctx filter, char *name, int error)
{
    char *colon = strchr(name, ':');
    if (colon) {
        *colon = '\0';
    }
    int number = seccomp_syscall_resolve_name(name);
    if (number < 0) {
        return number;
    }
    if (!colon) {
        return seccomp_rule_add(filter, SCMP_ACT_ERRNO((unsigned)error), number, 0);
    }
    return seccomp_rule_add(filter, SCMP_ACT_ERRNO((unsigned)error), number, 1,
                            SCMP_A0(SCMP_CMP_EQ, strtoull(colon + 1, NULL, 0)));
}

int main(int argc, char **argv)
{
    int error = argc > 1 && strcmp(argv[1], "-p") == 0 ? EPERM : ENOSYS;
    int first = error == EPERM ? 2 : 1;
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (argc < first + 2 || !filter) {
        return EXIT_FAILURE;
    }
    char *rest = NULL;
    for (char *name = strtok_r(argv[first], ",", &rest); name; name = strtok_r(NULL, ",", &rest)) {
        if (leave_out(filter, name, error) < 0) {
            (void)fprintf(stderr, "without_call: %s?\n", name);
            return EXIT_FAILURE;
        }
    }
    if (seccomp_load(filter) < 0) {
        return EXIT_FAILURE;
    }
    seccomp_release(filter);
    (void)execv(argv[first + 1], argv + first + 1);
    perror(argv[first + 1]);
    return EXIT_FAILURE;
}
