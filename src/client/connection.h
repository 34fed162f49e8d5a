/* SPDX-License-Identifier: Apache-2.0
 *
 * The handle, struct situ: address and settings of the array, idle connections kept for the next
 * request, counters, and the label tables fetched so far. Shared by threads: what situ_open sets
 * never changes, the rest is atomic or guarded by a lock.
 */
#ifndef SITU_CLIENT_CONNECTION_H
#define SITU_CLIENT_CONNECTION_H

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "client/address.h"
#include "client/fail.h"

enum { IDLE_CONNECTIONS_MAX = 16 };

enum content { CONTENT_NONE, CONTENT_JSON, CONTENT_OCTETS, CONTENT_COUNT };

struct known_labels; /* labels.h */

struct situ {
    struct address address;
    char *ca_file;                             /* owned, or NULL */
    struct curl_slist *headers[CONTENT_COUNT]; /* owned; the token is in them */
    uint32_t connect_timeout_ms;
    uint32_t idle_timeout_ms;
    uint32_t retries;
    uint32_t retry_wait_ms;
    char *select_members; /* owned; set by situ_select(), as JSON; NULL: none */
    bool no_exclude_defaults;
    bool sniff;

    atomic_uint_least64_t sent; /* bytes on the wire */
    atomic_uint_least64_t received;

    pthread_mutex_t idle_lock; /* guards idle, idle_count */
    CURL *idle[IDLE_CONNECTIONS_MAX];
    size_t idle_count;

    pthread_mutex_t labels_lock; /* guards the list; entries never change once they are in it */
    struct known_labels *labels; /* owned */
};

/* A curl handle, possibly with an open connection, for the calling thread until it returns it with
 * connection_give. NULL: out of memory. */
CURL *connection_take(struct situ *array);
void connection_give(struct situ *array, CURL *curl);

#endif
