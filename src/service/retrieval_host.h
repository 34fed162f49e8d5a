/* SPDX-License-Identifier: Apache-2.0
 *
 * What indexes need from the engine: the vector of a stored object.
 */
#ifndef SITU_SERVICE_RETRIEVAL_HOST_H
#define SITU_SERVICE_RETRIEVAL_HOST_H

#include "retrieval/retrieval.h"

struct service;

struct retrieval_host retrieval_host_for(struct service *service);

#endif
