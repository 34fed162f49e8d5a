/* SPDX-License-Identifier: Apache-2.0
 *
 * The numbers of users and groups of this machine by their names. Looking one up may ask a server
 * of the network: at the start and at a reload only, by the main thread.
 */
#ifndef SITU_API_PEER_NAMES_H
#define SITU_API_PEER_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "rights/rights.h"

/* The user `name`, or of that number, and the user's name, or the number where none has it. False:
 * there is none. */
bool peer_names_user(const char *name, uint32_t *ret_id, char *ret_name, size_t size);

/* Identifies the sections of users and groups. One that this machine does not know is logged with
 * its line, and nobody has it. */
must_check int peer_names_identify(struct rights *rights, const char *path, struct error *error);

#endif
