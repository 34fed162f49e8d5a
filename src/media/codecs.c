/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of codecs: a row for each, in the order of data/format_facts.c.
 */
#include "media/codec.h"

static const struct codec *const rows[] = {
    &codec_jpeg,
    &codec_png,
    &codec_webp,
};

enum { ROW_COUNT = sizeof rows / sizeof rows[0] };

_Static_assert((int)ROW_COUNT <= (int)CODEC_COUNT_MAX, "a decoder has room for each codec's state");

const struct codec *codec_at(size_t index)
{
    return index < ROW_COUNT ? rows[index] : NULL;
}
