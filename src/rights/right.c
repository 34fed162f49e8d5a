/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of rights and of sets of them: see right.h.
 */
#include "rights/right.h"

#include <stdio.h>
#include <string.h>

static const struct right_word {
    const char *word;
    uint32_t set;
} words[] = {
    {"infer", RIGHT_INFER},           {"search", RIGHT_SEARCH},      {"list", RIGHT_LIST},
    {"thumbnails", RIGHT_THUMBNAILS}, {"objects", RIGHT_OBJECTS},    {"jobs", RIGHT_JOBS},
    {"models", RIGHT_MODELS},         {"packages", RIGHT_PACKAGES},  {"indexes", RIGHT_INDEXES},
    {"results", RIGHT_RESULTS},       {"cluster", RIGHT_CLUSTER},    {"metrics", RIGHT_METRICS},
    {"reader", RIGHTS_READER},        {"operator", RIGHTS_OPERATOR}, {"admin", RIGHTS_ALL},
};

uint32_t right_set(const char *word)
{
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i].word, word) == 0) {
            return words[i].set;
        }
    }
    return 0;
}

const char *right_name(enum right right)
{
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (words[i].set == (uint32_t)right) {
            return words[i].word;
        }
    }
    return "admin";
}

const char *right_list(uint32_t set, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (uint32_t bit = 1; bit < RIGHTS_ALL && used < size; bit <<= 1) {
        if (set & bit) {
            set &= ~bit;
            const char *between = used == 0 ? "" : set ? ", " : " or ";
            int added =
                snprintf(text + used, size - used, "%s'%s'", between, right_name((enum right)bit));
            used += added > 0 ? (size_t)added : 0;
        }
    }
    return text;
}
