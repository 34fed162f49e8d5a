/* SPDX-License-Identifier: Apache-2.0
 *
 * The kernel's byte counts of a TCP connection. In a file of its own because <linux/tcp.h>, which
 * has the counters, and <netinet/tcp.h> cannot be included together.
 */
#include <linux/tcp.h>
#include <stddef.h>
#include <sys/socket.h>

#include <netinet/in.h>

#include "http/state.h"

/* States in which the peer has not closed its side (include/net/tcp_states.h of Linux; the numbers
 * are part of its user interface). In other states the kernel has counted the peer's FIN as one
 * received byte, except after a reset, where the result is one too low. */
enum { STATE_ESTABLISHED = 1, STATE_FIN_WAIT1 = 4, STATE_FIN_WAIT2 = 5 };

bool http_bytes_counted(int fd, uint64_t *ret_received, uint64_t *ret_sent)
{
    struct tcp_info info = {0};
    socklen_t size = sizeof(info);
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0 ||
        size < offsetof(struct tcp_info, tcpi_bytes_sent) + sizeof(info.tcpi_bytes_sent)) {
        return false;
    }
    uint64_t received = info.tcpi_bytes_received;
    bool fin = info.tcpi_state != STATE_ESTABLISHED && info.tcpi_state != STATE_FIN_WAIT1 &&
               info.tcpi_state != STATE_FIN_WAIT2;
    *ret_received = (fin && received > 0) ? received - 1 : received;
    *ret_sent = info.tcpi_bytes_sent;
    return true;
}
