/* SPDX-License-Identifier: Apache-2.0
 *
 * Optimal string alignment, three rows of the table at a time. Any thread.
 */
#include "base/nearest.h"

#include <stdio.h>
#include <string.h>

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* Both at most LIMIT_NEAREST_NAME bytes long. */
static size_t distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    size_t rows[3][LIMIT_NEAREST_NAME + 1];
    size_t *before = rows[0];
    size_t *above = rows[1];
    size_t *row = rows[2];

    for (size_t j = 0; j <= b_length; j++) {
        above[j] = j;
    }
    for (size_t i = 1; i <= a_length; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t wrong = lower(a[i - 1]) != lower(b[j - 1]);
            row[j] = least(above[j - 1] + wrong, least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
                lower(a[i - 2]) == lower(b[j - 1])) {
                row[j] = least(row[j], before[j - 2] + 1);
            }
        }
        size_t *oldest = before;
        before = above;
        above = row;
        row = oldest;
    }
    return above[b_length];
}

void nearest_init(struct nearest *nearest, const char *wanted, size_t length)
{
    *nearest = (struct nearest){.wanted = wanted, .length = length};
    if (length > 0 && length <= LIMIT_NEAREST_NAME) {
        size_t most = (length + 1) / 3 < 3 ? (length + 1) / 3 : 3;
        nearest->distance = (most > 0 ? most : 1) + 1;
    }
}

void nearest_offer(struct nearest *nearest, const char *name)
{
    size_t length = strnlen(name, LIMIT_NEAREST_NAME + 1);
    if (nearest->distance == 0 || length == 0 || length > LIMIT_NEAREST_NAME) {
        return;
    }
    size_t apart = length > nearest->length ? length - nearest->length : nearest->length - length;
    if (apart >= nearest->distance) {
        return;
    }
    size_t found = distance(nearest->wanted, nearest->length, name, length);
    /* A distance equal to a length means that no character is the same: it is another name. */
    if (found < nearest->distance && found < length && found < nearest->length) {
        nearest->distance = found;
        memcpy(nearest->name, name, length);
        nearest->name[length] = '\0';
    }
}

const char *nearest_hint(const struct nearest *nearest, char hint[NEAREST_HINT_SIZE])
{
    hint[0] = '\0';
    if (nearest->name[0]) {
        (void)snprintf(hint, NEAREST_HINT_SIZE, "; did you mean '%s'?", nearest->name);
    }
    return hint;
}
