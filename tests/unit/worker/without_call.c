/* SPDX-License-Identifier: Apache-2.0
 *
 * without_call NAME[,NAME...] PROGRAM ARGUMENT...: runs a program on a kernel that seems not to
 * have these system calls (ENOSYS), to test what happens there.
 */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (argc < 3 || !filter) {
        return EXIT_FAILURE;
    }
    char *rest = NULL;
    for (char *name = strtok_r(argv[1], ",", &rest); name; name = strtok_r(NULL, ",", &rest)) {
        int number = seccomp_syscall_resolve_name(name);
        if (number < 0 || seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), number, 0) < 0) {
            (void)fprintf(stderr, "without_call: %s?\n", name);
            return EXIT_FAILURE;
        }
    }
    if (seccomp_load(filter) < 0) {
        return EXIT_FAILURE;
    }
    seccomp_release(filter);
    (void)execv(argv[2], argv + 2);
    perror(argv[2]);
    return EXIT_FAILURE;
}
