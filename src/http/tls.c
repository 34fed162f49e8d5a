/* SPDX-License-Identifier: Apache-2.0
 *
 * Only this file speaks GnuTLS; the handshakes themselves are libmicrohttpd's.
 *
 * A session may point to its certificate for as long as it lives, so a pair that was replaced is
 * kept until the server ends. One that is set again unchanged makes no new pair.
 */
#include "http/tls.h"

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

/* NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables): a thread's own */
static _Thread_local struct http_tls *entered;

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
        return error_set(error, ERROR_MEMORY, "out of memory for TLS");
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

/* Whether the key is the certificate's; GnuTLS judges that where both go into credentials. */
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
        return error_set(error, ERROR_MEMORY, "out of memory for TLS");
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

void http_tls_enter(struct http_tls *tls)
{
    entered = tls;
}

/* NOLINTNEXTLINE(readability-function-size): GnuTLS's signature */
static int retrieve(gnutls_session_t session, const struct gnutls_cert_retr_st *info,
                    gnutls_pcert_st **ret_chain, unsigned *ret_size, gnutls_ocsp_data_st **ret_ocsp,
                    unsigned *ret_ocsp_size, gnutls_privkey_t *ret_key, unsigned *ret_flags)
{
    (void)session;
    (void)info;
    *ret_ocsp = NULL;
    *ret_ocsp_size = 0;
    *ret_flags = 0; /* they stay ours */
    if (!entered) {
        return -1;
    }
    HOLD(&entered->lock);
    if (!entered->current) {
        return -1;
    }
    *ret_chain = entered->current->chain;
    *ret_size = entered->current->chain_size;
    *ret_key = entered->current->key;
    return 0;
}

void *http_tls_callback(void)
{
    gnutls_certificate_retrieve_function3 *function = retrieve;
    void *callback = NULL;
    memcpy(&callback, &function, sizeof callback); /* no cast from function to object */
    return callback;
}
