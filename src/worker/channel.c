/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages over SOCK_SEQPACKET, with SCM_RIGHTS.
 */
#include "worker/channel.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int channel_send(int socket, const union message *message)
{
    ssize_t sent = 0;
    do {
        sent = send(socket, message, message_size(message), MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}

static void take_descriptors(struct msghdr *header, int ret_fds[2])
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count && i < 2; i++) {
            memcpy(&ret_fds[i], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
        }
    }
}

int channel_receive(int socket, union message *ret_message, int ret_fds[2])
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(2 * sizeof(int))];
    } control;
    struct iovec vector = {.iov_base = ret_message, .iov_len = sizeof *ret_message};
    struct msghdr header = {.msg_iov = &vector,
                            .msg_iovlen = 1,
                            .msg_control = control.bytes,
                            .msg_controllen = sizeof control.bytes};
    ret_fds[0] = ret_fds[1] = -1;
    ssize_t received = 0;
    do {
        received = recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
    } while (received < 0 && errno == EINTR);
    if (received <= 0) {
        return received < 0 ? -errno : 0;
    }
    take_descriptors(&header, ret_fds);
    struct error error = {0};
    int r = message_check(ret_message, (size_t)received, &error);
    if (r < 0 || (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
        return -EBADMSG;
    }
    return 1;
}
