/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines of a page of metrics, in the text format of Prometheus. Pure; any thread.
 */
#ifndef SITU_BASE_METRIC_H
#define SITU_BASE_METRIC_H

#include <stdint.h>

#include "base/buffer.h"

/* The comment lines of a metric; `type` is "counter", "gauge" or "histogram". */
void metric_begin(struct buffer *out, const char *name, const char *type, const char *help);

/* A metric with one value and no label, comment lines included. */
void metric_write(struct buffer *out, const char *name, const char *type, const char *help,
                  uint64_t value);

#endif
