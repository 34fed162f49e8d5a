/* SPDX-License-Identifier: Apache-2.0
 *
 * Only this file uses GnuTLS.
 *
 * A session may point to its certificate as long as it lives, so replaced pairs are kept until the
 * server ends. Setting the same pair again makes no new one.
 */
#include "http/tls.h"

#include <errno.h>
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { CHAIN_MOST = 16 }; /* certificates of one chain */

struct pair {
    struct pair *before; /* owned */
    char *certificate;   /* owned; the text it was made from */
    char *key_text;      /* owned */
    gnutls_pcert_st chain[CHAIN_MOST];
    unsigned chain_size;
    gnutls_privkey_t key;
};

struct http_tls {
    pthread_mutex_t lock; /* guards the rest */
    struct pair *current; /* owned */
};

static void pair_free(struct pair *pair)
{
    for (unsigned i = 0; i < pair->chain_size; i++) {
        gnutls_pcert_deinit(&pair->chain[i]);
    }
    if (pair->key) {
        gnutls_privkey_deinit(pair->key);
    }
    if (pair->key_text) {
        explicit_bzero(pair->key_text, strlen(pair->key_text));
    }
    free(pair->key_text);
    free(pair->certificate);
    free(pair);
}

int http_tls_new(struct http_tls **ret_tls, struct error *error)
{
    struct http_tls *tls = calloc(1, sizeof(*tls));
    if (!tls) {
        return error_memory(error, "TLS");
    }
    (void)pthread_mutex_init(&tls->lock, NULL);
    *ret_tls = tls;
    return 0;
}

void http_tls_free(struct http_tls *tls)
{
    if (!tls) {
        return;
    }
    while (tls->current) {
        struct pair *pair = tls->current;
        tls->current = pair->before;
        pair_free(pair);
    }
    (void)pthread_mutex_destroy(&tls->lock);
    free(tls);
}

static gnutls_datum_t datum_of(char *text)
{
    return (gnutls_datum_t){.data = (unsigned char *)text, .size = (unsigned)strlen(text)};
}

/* Whether the key belongs to the certificate: GnuTLS checks this when both are added to
 * credentials. */
static int check_match(const gnutls_datum_t *certificate, const gnutls_datum_t *key)
{
    gnutls_certificate_credentials_t credentials = NULL;
    int r = gnutls_certificate_allocate_credentials(&credentials);
    if (r == GNUTLS_E_SUCCESS) {
        r = gnutls_certificate_set_x509_key_mem(credentials, certificate, key, GNUTLS_X509_FMT_PEM);
        gnutls_certificate_free_credentials(credentials);
    }
    return r < 0 ? r : GNUTLS_E_SUCCESS;
}

static int pair_fill(struct pair *pair)
{
    gnutls_datum_t certificate = datum_of(pair->certificate);
    gnutls_datum_t key = datum_of(pair->key_text);
    unsigned size = CHAIN_MOST;
    int r = check_match(&certificate, &key);
    if (r == GNUTLS_E_SUCCESS) {
        r = gnutls_pcert_list_import_x509_raw(pair->chain, &size, &certificate, GNUTLS_X509_FMT_PEM,
                                              GNUTLS_X509_CRT_LIST_IMPORT_FAIL_IF_EXCEED);
    }
    if (r == GNUTLS_E_SUCCESS) {
        pair->chain_size = size;
        r = gnutls_privkey_init(&pair->key);
    }
    if (r == GNUTLS_E_SUCCESS) {
        r = gnutls_privkey_import_x509_raw(pair->key, &key, GNUTLS_X509_FMT_PEM, NULL, 0);
    }
    return r;
}

static bool is_current(struct http_tls *tls, const char *certificate, const char *key)
{
    HOLD(&tls->lock);
    return tls->current && strcmp(tls->current->certificate, certificate) == 0 &&
           strcmp(tls->current->key_text, key) == 0;
}

int http_tls_set(struct http_tls *tls, const char *certificate, const char *key,
                 struct error *error)
{
    if (is_current(tls, certificate, key)) {
        return 0;
    }
    struct pair *pair = calloc(1, sizeof(*pair));
    if (pair) {
        pair->certificate = strdup(certificate);
        pair->key_text = strdup(key);
    }
    if (!pair || !pair->certificate || !pair->key_text) {
        if (pair) {
            pair_free(pair);
        }
        return error_memory(error, "TLS");
    }
    int r = pair_fill(pair);
    if (r != GNUTLS_E_SUCCESS) {
        pair_free(pair);
        return error_set(error, ERROR_MALFORMED, "TLS certificate and key: %s", gnutls_strerror(r));
    }
    HOLD(&tls->lock);
    pair->before = tls->current;
    tls->current = pair;
    return 0;
}

/* NOLINTNEXTLINE(readability-function-size): GnuTLS's signature */
static int retrieve(gnutls_session_t session, const struct gnutls_cert_retr_st *info,
                    gnutls_pcert_st **ret_chain, unsigned *ret_size, gnutls_ocsp_data_st **ret_ocsp,
                    unsigned *ret_ocsp_size, gnutls_privkey_t *ret_key, unsigned *ret_flags)
{
    struct http_tls *tls = gnutls_session_get_ptr(session);
    (void)info;
    *ret_ocsp = NULL;
    *ret_ocsp_size = 0;
    *ret_flags = 0; /* GnuTLS must not free them */
    HOLD(&tls->lock);
    if (!tls->current) {
        return -1;
    }
    *ret_chain = tls->current->chain;
    *ret_size = tls->current->chain_size;
    *ret_key = tls->current->key;
    return 0;
}

/* ---- sessions ---- */

struct http_session {
    gnutls_session_t session;
    gnutls_certificate_credentials_t credentials;
    bool again; /* the last write must be repeated */
};

/* Only the versions that are safe today: TLS 1.2 and 1.3. */
static const char priorities[] = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";

int http_session_new(struct http_tls *tls, int fd, struct http_session **ret_session)
{
    struct http_session *made = calloc(1, sizeof(*made));
    if (!made) {
        return -ENOMEM;
    }
    int r = gnutls_certificate_allocate_credentials(&made->credentials);
    if (r == GNUTLS_E_SUCCESS) {
        gnutls_certificate_set_retrieve_function3(made->credentials, retrieve);
        r = gnutls_init(&made->session,
                        GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL | GNUTLS_NO_TICKETS);
    }
    if (r == GNUTLS_E_SUCCESS) {
        r = gnutls_priority_set_direct(made->session, priorities, NULL);
    }
    if (r == GNUTLS_E_SUCCESS) {
        r = gnutls_credentials_set(made->session, GNUTLS_CRD_CERTIFICATE, made->credentials);
    }
    if (r != GNUTLS_E_SUCCESS) {
        http_session_free(made);
        return -EPROTO;
    }
    gnutls_session_set_ptr(made->session, tls);
    gnutls_transport_set_int(made->session, fd);
    gnutls_handshake_set_timeout(made->session,
                                 GNUTLS_INDEFINITE_TIMEOUT); /* the watcher has the deadline */
    *ret_session = made;
    return 0;
}

void http_session_free(struct http_session *session)
{
    if (session) {
        if (session->session) {
            gnutls_deinit(session->session);
        }
        if (session->credentials) {
            gnutls_certificate_free_credentials(session->credentials);
        }
        free(session);
    }
}

static int errno_of(ssize_t r)
{
    return r == GNUTLS_E_AGAIN || r == GNUTLS_E_INTERRUPTED ? -EAGAIN : -EPROTO;
}

int http_session_handshake(struct http_session *session)
{
    int r = 0;
    do {
        r = gnutls_handshake(session->session);
    } while (r == GNUTLS_E_INTERRUPTED ||
             (r < 0 && r != GNUTLS_E_AGAIN && !gnutls_error_is_fatal(r)));
    return r == GNUTLS_E_SUCCESS ? 0 : errno_of(r);
}

ssize_t http_session_read(struct http_session *session, void *to, size_t room)
{
    ssize_t r = 0;
    do {
        r = gnutls_record_recv(session->session, to, room);
    } while (r == GNUTLS_E_INTERRUPTED);
    return r >= 0 ? r : errno_of(r);
}

ssize_t http_session_write(struct http_session *session, const void *bytes, size_t size)
{
    ssize_t r = 0;
    do { /* GnuTLS keeps what it could not send; the bytes are not passed again */
        r = session->again ? gnutls_record_send(session->session, NULL, 0)
                           : gnutls_record_send(session->session, bytes, size);
    } while (r == GNUTLS_E_INTERRUPTED);
    session->again = r == GNUTLS_E_AGAIN;
    return r >= 0 ? r : errno_of(r);
}

void http_session_bye(struct http_session *session)
{
    (void)gnutls_bye(session->session, GNUTLS_SHUT_WR);
}
