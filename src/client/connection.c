/* SPDX-License-Identifier: Apache-2.0
 *
 * The idle connections of a handle.
 */
#include "client/connection.h"

CURL *connection_take(struct situ *array)
{
    {
        HOLD(&array->idle_lock);
        if (array->idle_count > 0) {
            return array->idle[--array->idle_count];
        }
    }
    return curl_easy_init();
}

void connection_give(struct situ *array, CURL *curl)
{
    curl_easy_reset(curl);
    {
        HOLD(&array->idle_lock);
        if (array->idle_count < IDLE_CONNECTIONS_MAX) {
            array->idle[array->idle_count++] = curl;
            return;
        }
    }
    curl_easy_cleanup(curl);
}
