/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificate and key of TLS listeners, which can be changed while connections are open. GnuTLS
 * asks for them at each handshake.
 */
#ifndef SITU_HTTP_TLS_H
#define SITU_HTTP_TLS_H

#include "base/cleanup.h"
#include "base/error.h"

/* Pairs of certificate and key: the one that new handshakes get, and those before it, which
 * sessions still point to. */
struct http_tls;

must_check int http_tls_new(struct http_tls **ret_tls, struct error *error);
void http_tls_free(struct http_tls *tls); /* NULL is fine; no session is left */

/* New handshakes get these from now on. PEM text, copied. An error leaves the earlier ones. Any
 * thread. */
must_check int http_tls_set(struct http_tls *tls, const char *certificate, const char *key,
                            struct error *error);

/* Handshakes of the calling thread are answered from `tls` from now on: GnuTLS gives its callback
 * no context but the thread. */
void http_tls_enter(struct http_tls *tls);

/* A gnutls_certificate_retrieve_function3, for MHD_OPTION_HTTPS_CERT_CALLBACK2. */
void *http_tls_callback(void);

#endif
