/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificate and key of TLS listeners, which can be changed while connections are open. GnuTLS
 * requests them at each handshake.
 */
#ifndef SITU_HTTP_TLS_H
#define SITU_HTTP_TLS_H

#include <stddef.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "base/error.h"

/* Pairs of certificate and key: the one for new handshakes, and earlier ones, which sessions still
 * point to. */
struct http_tls;

must_check int http_tls_new(struct http_tls **ret_tls, struct error *error);
void http_tls_free(struct http_tls *tls); /* NULL is fine; no session may be left */

/* The pair for new handshakes. PEM text, copied. After an error the earlier ones stay. Any thread.
 */
must_check int http_tls_set(struct http_tls *tls, const char *certificate, const char *key,
                            struct error *error);

/* A connection's TLS, on its listener's thread. Reads and writes never block: -EAGAIN. A write that
 * returned this must be repeated with the same bytes. After other negative numbers the connection
 * cannot be used. */
struct http_session;

must_check int http_session_new(struct http_tls *tls, int fd, struct http_session **ret_session);
void http_session_free(struct http_session *session); /* NULL is fine */
must_check int http_session_handshake(struct http_session *session);
ssize_t http_session_read(struct http_session *session, void *to, size_t room); /* 0: the end */
ssize_t http_session_write(struct http_session *session, const void *bytes, size_t size);
void http_session_bye(struct http_session *session); /* tells the peer that no more is sent */

#endif
