/* SPDX-License-Identifier: Apache-2.0
 *
 * The user of a loopback connection, by both sources, and of clients that have closed.
 */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/loopback_peer.h"

enum { NOBODY = 65534 };

/* A connection, whose client's socket is nobody's where the test may make it so. */
struct pair {
    int client, server;
    uint32_t user;
    struct sockaddr_storage ends[2]; /* client, server */
};

static void listen_on(int family, int *ret_fd, struct sockaddr_storage *ret_address,
                      socklen_t *ret_size)
{
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *ret_size = sizeof *ret_address;
    if (fd < 0 || (family == AF_INET ? bind(fd, (struct sockaddr *)&four, sizeof four)
                                     : bind(fd, (struct sockaddr *)&six, sizeof six)) < 0) {
        (void)close(fd);
        print_message("this machine has no loopback address of the family %d\n", family);
        skip();
    }
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)ret_address, ret_size), 0);
    *ret_fd = fd;
}

static struct pair pair_new(int family)
{
    struct pair pair = {.user = geteuid()};
    struct sockaddr_storage address;
    socklen_t size = 0;
    int fd = -1;
    listen_on(family, &fd, &address, &size);
    bool root = pair.user == 0;
    if (root) {
        pair.user = NOBODY;
        assert_int_equal(seteuid(NOBODY), 0);
    }
    pair.client = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (root) {
        assert_int_equal(seteuid(0), 0);
    }
    assert_int_equal(connect(pair.client, (struct sockaddr *)&address, size), 0);
    pair.server = accept(fd, NULL, NULL);
    assert_true(pair.server >= 0);
    (void)close(fd);
    size = sizeof address;
    assert_int_equal(getsockname(pair.client, (struct sockaddr *)&pair.ends[0], &size), 0);
    assert_int_equal(getsockname(pair.server, (struct sockaddr *)&pair.ends[1], &size), 0);
    return pair;
}

static void check_open(int family)
{
    struct pair pair = pair_new(family);
    uint32_t users[3] = {7, 7, 7};
    assert_int_equal(loopback_peer_user(pair.server, &users[0]), 0);
    assert_int_equal(loopback_peer_by_table(&pair.ends[0], &pair.ends[1], &users[1]), 0);
    assert_int_equal(users[0], pair.user);
    assert_int_equal(users[1], pair.user);
    int r = loopback_peer_by_netlink(&pair.ends[0], &pair.ends[1], &users[2]);
    assert_true(r == 0 ? users[2] == pair.user : r != -ENOTCONN);
    (void)close(pair.client);
    (void)close(pair.server);
}

static void an_open_connection_has_its_users_number(void **state)
{
    (void)state;
    check_open(AF_INET);
    check_open(AF_INET6);
}

static void a_client_that_has_closed_has_no_user(void **state)
{
    (void)state;
    for (int gently = 0; gently < 3; gently++) {
        struct pair pair = pair_new(AF_INET);
        uint32_t user = 7;
        struct linger reset = {.l_onoff = 1, .l_linger = 0};
        assert_int_equal(write(pair.client, "x", 1), 1);
        if (gently == 0) {
            (void)setsockopt(pair.client, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        }
        if (gently == 2) {
            assert_int_equal(shutdown(pair.client, SHUT_WR), 0);
        } else {
            (void)close(pair.client);
        }
        assert_int_equal(loopback_peer_user(pair.server, &user), -ENOTCONN);
        assert_int_equal(loopback_peer_by_table(&pair.ends[0], &pair.ends[1], &user), -ENOTCONN);
        assert_true(loopback_peer_by_netlink(&pair.ends[0], &pair.ends[1], &user) < 0);
        assert_int_equal(user, 7);
        (void)close(pair.server);
        if (gently == 2) {
            (void)close(pair.client);
        }
    }
}

static void a_unix_socket_is_no_loopback_connection(void **state)
{
    (void)state;
    int fds[2];
    uint32_t user = 7;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(loopback_peer_user(fds[0], &user), -ENOTCONN);
    (void)close(fds[0]);
    (void)close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_open_connection_has_its_users_number),
        cmocka_unit_test(a_client_that_has_closed_has_no_user),
        cmocka_unit_test(a_unix_socket_is_no_loopback_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
