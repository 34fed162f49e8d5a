/* SPDX-License-Identifier: Apache-2.0
 *
 * Checks of a pipeline: the daemon checks the package's, the worker checks the daemon's.
 */
#include "wire/pipeline.h"

#include <errno.h>
#include <math.h>

static bool edge_ok(uint32_t edge)
{
    return edge >= 1 && edge <= PIPELINE_EDGE_MAX;
}

static bool geometry_ok(const struct pipeline *p)
{
    if ((unsigned)p->resize > RESIZE_LONGEST_EDGE || (unsigned)p->resample > RESAMPLE_HAMMING ||
        (unsigned)p->crop_rounding > CROP_ROUND) {
        return false;
    }
    if (p->resize != RESIZE_NONE && !edge_ok(p->resize_height)) {
        return false;
    }
    if (p->resize == RESIZE_EXACT && !edge_ok(p->resize_width)) {
        return false;
    }
    if (p->pad && p->resize != RESIZE_LONGEST_EDGE) {
        return false;
    }
    return !p->center_crop || (edge_ok(p->crop_height) && edge_ok(p->crop_width));
}

int pipeline_check(const struct pipeline *p)
{
    if (!geometry_ok(p) || (unsigned)p->decode > DECODE_FAST || (unsigned)p->layout > LAYOUT_NHWC) {
        return -EINVAL;
    }
    if (p->datatype != DATATYPE_FP32 && p->datatype != DATATYPE_FP16 &&
        p->datatype != DATATYPE_UINT8) {
        return -EINVAL;
    }
    if (p->rescale && (!isfinite(p->rescale_factor) || !isfinite(p->rescale_offset))) {
        return -EINVAL;
    }
    for (int c = 0; p->normalize && c < 3; c++) {
        if (!isfinite(p->mean[c]) || !isfinite(p->std[c]) || p->std[c] == 0.0) {
            return -EINVAL;
        }
    }
    return 0;
}

int pipeline_output_size(const struct pipeline *p, uint32_t *ret_height, uint32_t *ret_width)
{
    if (p->center_crop) {
        *ret_height = p->crop_height;
        *ret_width = p->crop_width;
    } else if (p->resize == RESIZE_EXACT) {
        *ret_height = p->resize_height;
        *ret_width = p->resize_width;
    } else if (p->resize == RESIZE_LONGEST_EDGE && p->pad) {
        *ret_height = p->resize_height;
        *ret_width = p->resize_height;
    } else {
        return -EINVAL;
    }
    return 0;
}
