/* SPDX-License-Identifier: Apache-2.0
 *
 * Which calls, and which changes of the rights, the audit log has.
 */
#ifndef SITU_API_AUDIT_CALLS_H
#define SITU_API_AUDIT_CALLS_H

#include "base/error.h"
#include "rights/rights.h"

struct api;
struct call;

/* The call begins; notes where it comes from. On its listener's thread. */
void audit_call_begin(struct call *call);
/* It has ended, and all that worked for it; writes a line if it was refused, or is of a kind that
 * is logged. */
void audit_call_end(const struct call *call);

/* The rights were read again: a line for each section that was added, removed or changed, or one
 * for the failure. Both generations may be NULL; `error`: NULL, or why there is no new one. */
void audit_rights(struct api *api, const struct rights *before, const struct rights *now,
                  const struct error *error);

#endif
