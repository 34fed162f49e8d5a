/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of the kinds of pictures. Constant.
 */
#include "draw_kinds.h"

#include <errno.h>
#include <string.h>

static const struct kind kinds[KIND_COUNT] = {
    {"bricks", draw_bricks}, {"checkerboard", draw_checkerboard},
    {"city", draw_city},     {"clouds", draw_clouds},
    {"dots", draw_dots},     {"flower", draw_flower},
    {"forest", draw_forest}, {"hills", draw_hills},
    {"sea", draw_sea},       {"spiral", draw_spiral},
    {"stars", draw_stars},   {"wood", draw_wood},
};

const struct kind *kind_at(int index)
{
    return &kinds[index];
}

int kind_find(const char *name)
{
    for (int i = 0; i < KIND_COUNT; i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            return i;
        }
    }
    return -ENOENT;
}
