/* SPDX-License-Identifier: Apache-2.0
 *
 * The inner loops in plain C, for any CPU; the other forms are tested against it.
 */
#include "index/scan_kernels.h"

static void add_group(const uint8_t *group, const int8_t *values, int32_t *sums)
{
    for (size_t r = 0; r < SCAN_ROWS; r++) {
        for (size_t i = 0; i < SCAN_GROUP; i++) {
            sums[r] += group[r * SCAN_GROUP + i] * values[i];
        }
    }
}

static void dots_c(const uint8_t *codes, size_t groups, const struct scan_query *queries,
                   size_t count, int32_t *dots)
{
    for (size_t q = 0; q < count; q++) {
        int32_t *sums = dots + q * SCAN_ROWS;
        for (size_t r = 0; r < SCAN_ROWS; r++) {
            sums[r] = queries[q].bias;
        }
        for (size_t g = 0; g < groups; g++) {
            add_group(codes + g * SCAN_GROUP_BYTES, queries[q].codes + g * SCAN_GROUP, sums);
        }
    }
}

static uint64_t select_c(const struct scan_lanes *lanes, const struct scan_bound *bound)
{
    uint64_t selected = 0;
    for (size_t r = 0; r < SCAN_ROWS; r++) {
        float offset = lanes->offset ? lanes->offset[r] : 0.0f;
        float product = bound->factor * (float)lanes->dots[r] * lanes->scale[r];
        float upper = product + (bound->error_factor * lanes->error[r] + offset);
        selected |= (uint64_t)(upper >= bound->floor) << r;
    }
    return selected;
}

const struct scan_kernels scan_kernels_c = {
    .name = "c",
    .dots = dots_c,
    .select = select_c,
};
