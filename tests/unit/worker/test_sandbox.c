/* SPDX-License-Identifier: Apache-2.0
 *
 * The sandbox of situ-worker, from inside: a child process enters it as the worker does and tries
 * what a hijacked decoder would try. Needs a kernel with Landlock and seccomp; skips what it lacks.
 */
#include <setjmp.h> /* cmocka needs these four first */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "data/engine_facts.h"
#include "wire/message.h"
#include "worker/sandbox.h"

enum {
    EXIT_GOT_THROUGH = 10,
    EXIT_REFUSED = 11,
    EXIT_NO_SANDBOX = 12,
    EXIT_LACKING = 77,
    EXIT_VIOLATION = 159
};

struct outcome {
    bool killed; /* by SIGSYS, without a message */
    int status;
    char violation[60];
};

static int refused_or_through(long result)
{
    return result < 0 ? EXIT_REFUSED : EXIT_GOT_THROUGH;
}

/* Runs `attempt` in a child in that engine's sandbox; its return value is the exit status. */
static struct outcome try_inside_of(const char *engine, int (*attempt)(void))
{
    int pair[2];
    struct outcome outcome = {0};
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct sandbox_options options = {.memory_bytes = UINT64_C(1) << 30,
                                          .control_fd = pair[1],
                                          .system_calls = engine_facts_find(engine)->system_calls};
        struct sandbox_state state = {0};
        struct error error = {0};
        if (sandbox_enter(&options, &state, &error) < 0) {
            _exit(EXIT_NO_SANDBOX);
        }
        if (!state.seccomp || state.landlock_abi == 0) {
            _exit(EXIT_LACKING);
        }
        _exit(attempt());
    }
    (void)close(pair[1]);
    union message message;
    ssize_t size = recv(pair[0], &message, sizeof message, 0);
    struct error error;
    if (size > 0 && message_check(&message, (size_t)size, &error) == 0 &&
        message.header.type == MESSAGE_VIOLATION) {
        memcpy(outcome.violation, message.violation.name, sizeof outcome.violation);
    }
    (void)close(pair[0]);
    assert_int_equal(waitpid(child, &outcome.status, 0), child);
    outcome.killed = WIFSIGNALED(outcome.status) && WTERMSIG(outcome.status) == SIGSYS;
    assert_true(WIFEXITED(outcome.status) || outcome.killed);
    outcome.status = outcome.killed ? 0 : WEXITSTATUS(outcome.status);
    if (outcome.status == EXIT_LACKING) {
        print_message("this kernel or build lacks Landlock or seccomp\n");
        skip();
    }
    return outcome;
}

static struct outcome try_inside(int (*attempt)(void))
{
    return try_inside_of("null", attempt);
}

static void expect_violation(int (*attempt)(void), const char *syscall_name)
{
    struct outcome outcome = try_inside(attempt);
    assert_false(outcome.killed);
    assert_int_equal(outcome.status, EXIT_VIOLATION);
    assert_string_equal(outcome.violation, syscall_name);
}

static void expect_status(int (*attempt)(void), int status)
{
    struct outcome outcome = try_inside(attempt);
    assert_false(outcome.killed);
    assert_int_equal(outcome.status, status);
}

static int open_passwd(void)
{
    int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
    return fd < 0 && errno == EACCES ? EXIT_REFUSED : EXIT_GOT_THROUGH;
}

static int create_file(void)
{
    return refused_or_through(open("/tmp/situ-sandbox-test", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int stat_root(void)
{
    struct stat status;
    return refused_or_through(stat("/", &status));
}

static int make_socket(void)
{
    return refused_or_through(socket(AF_INET, SOCK_STREAM, 0));
}

static int execute(void)
{
    char *const arguments[] = {(char *)(uintptr_t) "/bin/true", NULL};
    return refused_or_through(execv(arguments[0], arguments));
}

static int make_process(void)
{
    return refused_or_through(syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL));
}

static int make_process_by_library(void)
{
    return refused_or_through(fork());
}

static int trace(void)
{
    return refused_or_through(ptrace(PTRACE_ATTACH, 1, NULL, NULL));
}

static int signal_parent(void)
{
    return refused_or_through(kill(1, 0));
}

static int map_code(void)
{
    void *memory =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? EXIT_REFUSED : EXIT_GOT_THROUGH;
}

static int make_code(void)
{
    void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return refused_or_through(mprotect(memory, 4096, PROT_READ | PROT_EXEC));
}

static int unlink_file(void)
{
    return refused_or_through(unlink("/tmp/situ-sandbox-test"));
}

static int write_elsewhere(void)
{
    return refused_or_through(write(STDOUT_FILENO, "x", 1));
}

static int take_much_memory(void)
{
    size_t size = (size_t)2 << 30;
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? EXIT_REFUSED : EXIT_GOT_THROUGH;
}

static void test_files_cannot_be_opened(void **state)
{
    (void)state;
    expect_status(open_passwd, EXIT_REFUSED);
    expect_status(create_file, EXIT_REFUSED);
    expect_status(stat_root, EXIT_REFUSED);
}

static void test_other_calls_end_the_worker_and_are_named(void **state)
{
    (void)state;
    expect_violation(make_socket, "socket");
    expect_violation(execute, "execve");
    expect_violation(make_process, "clone");
    expect_violation(trace, "ptrace");
    expect_violation(signal_parent, "kill");
    expect_violation(unlink_file, "unlink");
    expect_violation(write_elsewhere, "write");
}

/* The fork() of glibc 2.41 and later blocks all signals around its system call: the kernel then
 * ends the process with SIGSYS, and no handler gets to name the call. */
static void test_a_fork_by_the_c_library_ends_the_worker(void **state)
{
    (void)state;
    struct outcome outcome = try_inside(make_process_by_library);
    if (!outcome.killed) {
        assert_int_equal(outcome.status, EXIT_VIOLATION);
        assert_string_equal(outcome.violation, "clone");
    }
}

static void test_no_memory_becomes_code(void **state)
{
    (void)state;
    expect_violation(map_code, "mmap");
    expect_violation(make_code, "mprotect");
}

static void test_address_space_is_bounded(void **state)
{
    (void)state;
    expect_status(take_much_memory, EXIT_REFUSED);
}

/* The child waits inside; its parent reads the child's credentials. */
static void test_root_becomes_nobody(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        print_message("not root: nothing to drop\n");
        skip();
    }
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct sandbox_options options = {.control_fd = pair[1],
                                          .system_calls = engine_facts_at(0)->system_calls};
        struct sandbox_state sandbox = {0};
        struct error error = {0};
        char word = 'x';
        int r = sandbox_enter(&options, &sandbox, &error);
        ssize_t ignored = send(pair[1], &word, 1, 0);
        ignored = recv(pair[1], &word, 1, 0);
        (void)ignored;
        _exit(r < 0 ? EXIT_NO_SANDBOX : 0);
    }
    char word = 0;
    char path[64];
    char text[4096] = "";
    assert_int_equal(recv(pair[0], &word, 1, 0), 1);
    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)child);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    ssize_t size = read(fd, text, sizeof text - 1);
    (void)close(fd);
    (void)send(pair[0], &word, 1, 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_true(size > 0);
    assert_non_null(strstr(text, "\nUid:\t65534\t65534\t65534"));
    assert_non_null(strstr(text, "\nCapEff:\t0000000000000000"));
    assert_non_null(strstr(text, "\nNoNewPrivs:\t1"));
}

static int yield_core(void)
{
    return sched_yield() == 0 ? EXIT_GOT_THROUGH : EXIT_REFUSED;
}

static void test_a_call_of_one_engine_is_allowed_to_that_engine_only(void **state)
{
    (void)state;
    expect_violation(yield_core, "sched_yield");
    assert_int_equal(try_inside_of("onnxruntime", yield_core).status, EXIT_GOT_THROUGH);
}

static void test_the_calls_of_all_engines_have_known_names(void **state)
{
    (void)state;
    for (size_t i = 0; engine_facts_at(i); i++) {
        const char *const *calls = engine_facts_at(i)->system_calls;
        for (size_t k = 0; calls[k]; k++) {
            assert_int_not_equal(seccomp_syscall_resolve_name(calls[k]), __NR_SCMP_ERROR);
        }
    }
}

int main(void)
{
    /* A sanitizer's build has no filter and no limit of memory (sandbox.c): the plain build tests
     * both. */
    const struct CMUnitTest without_filter[] = {
        cmocka_unit_test(test_root_becomes_nobody),
    };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files_cannot_be_opened),
        cmocka_unit_test(test_other_calls_end_the_worker_and_are_named),
        cmocka_unit_test(test_a_fork_by_the_c_library_ends_the_worker),
        cmocka_unit_test(test_no_memory_becomes_code),
        cmocka_unit_test(test_address_space_is_bounded),
        cmocka_unit_test(test_root_becomes_nobody),
        cmocka_unit_test(test_a_call_of_one_engine_is_allowed_to_that_engine_only),
        cmocka_unit_test(test_the_calls_of_all_engines_have_known_names),
    };
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    bool sanitizer = true;
#else
    bool sanitizer = false;
#endif
    if (sanitizer) {
        return cmocka_run_group_tests(without_filter, NULL, NULL);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
