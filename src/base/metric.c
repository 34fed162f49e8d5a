/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes into a buffer, which reports a failed allocation.
 */
#include "base/metric.h"

#include <inttypes.h>

void metric_begin(struct buffer *out, const char *name, const char *type, const char *help)
{
    buffer_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void metric_write(struct buffer *out, const char *name, const char *type, const char *help,
                  uint64_t value)
{
    metric_begin(out, name, type, help);
    buffer_printf(out, "%s %" PRIu64 "\n", name, value);
}
