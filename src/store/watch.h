/* SPDX-License-Identifier: Apache-2.0
 *
 * A back end's watch: a const table of functions, and instances that begin with a pointer to it.
 */
#ifndef SITU_STORE_WATCH_H
#define SITU_STORE_WATCH_H

#include "store/backend.h"

struct store_watch_ops {
    int (*wait)(struct store_watch *watch, int64_t timeout_ms);
    bool (*is_partial)(const struct store_watch *watch);
    void (*cancel)(struct store_watch *watch);
    void (*free)(struct store_watch *watch);
};

struct store_watch {
    const struct store_watch_ops *ops;
};

#endif
