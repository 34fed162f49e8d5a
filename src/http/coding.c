/* SPDX-License-Identifier: Apache-2.0
 *
 * The parser of Accept-Encoding, and the choice of a content coding.
 */
#include "http/coding.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

static const char blanks[] = " \t";

static bool is_word(const char *text, size_t size, const char *word)
{
    return size == strlen(word) && strncasecmp(text, word, size) == 0;
}

/* A weight of RFC 9110, 12.4.2: 0 or 1, and up to three digits. In thousandths; 0 if malformed. */
static int parse_weight(const char *text, size_t size)
{
    if (size == 0 || size > 5 || (text[0] != '0' && text[0] != '1') ||
        (size > 1 && text[1] != '.')) {
        return 0;
    }
    int weight = (text[0] - '0') * CODING_WEIGHT_ONE;
    int place = CODING_WEIGHT_ONE / 10;
    for (size_t i = 2; i < size; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return 0;
        }
        weight += (text[i] - '0') * place;
        place /= 10;
    }
    return weight > CODING_WEIGHT_ONE ? 0 : weight;
}

/* The weight among an item's parameters, `;name=value` each. */
static int find_weight(const char *text, size_t size)
{
    const char *end = text + size;
    while (text < end) {
        text += 1 + strspn(text + 1, blanks); /* after the semicolon */
        if (text >= end) {
            return 0;
        }
        size_t length = strcspn(text, ";,");
        size_t used = length;
        while (used > 0 && strchr(blanks, text[used - 1])) {
            used--;
        }
        size_t name = strcspn(text, "= \t;,");
        if (is_word(text, name, "q")) {
            return used > 2 && text[1] == '=' ? parse_weight(text + 2, used - 2) : 0;
        }
        text += length;
    }
    return CODING_WEIGHT_ONE;
}

static int *weight_of(struct coding_wishes *wishes, const char *name, size_t size)
{
    if (is_word(name, size, "*")) {
        return &wishes->others;
    }
    if (is_word(name, size, "identity")) {
        return &wishes->weights[HTTP_CODING_IDENTITY];
    }
    if (is_word(name, size, "gzip") || is_word(name, size, "x-gzip")) {
        return &wishes->weights[HTTP_CODING_GZIP];
    }
    if (is_word(name, size, "zstd")) {
        return &wishes->weights[HTTP_CODING_ZSTD];
    }
    return NULL;
}

void coding_accept(struct coding_wishes *wishes, const char *field)
{
    while (*field) {
        field += strspn(field, ", \t");
        size_t size = strcspn(field, ",");
        size_t name = strcspn(field, ",; \t");
        int *weight = weight_of(wishes, field, name);
        name += strspn(field + name, blanks);
        if (weight && *weight == CODING_UNNAMED) {
            bool broken = name < size && field[name] != ';';
            *weight = broken ? 0 : find_weight(field + name, size - name);
        }
        field += size;
    }
}

enum http_coding coding_choose(const struct coding_wishes *wishes)
{
    int identity = wishes->weights[HTTP_CODING_IDENTITY];
    enum http_coding best = HTTP_CODING_IDENTITY;
    int best_weight = identity > 0 ? identity : 0;
    for (int coding = HTTP_CODING_GZIP; coding < HTTP_CODING_COUNT; coding++) {
        int weight = wishes->weights[coding];
        weight = weight == CODING_UNNAMED ? wishes->others : weight;
        if (weight > 0 && weight >= best_weight) {
            best = (enum http_coding)coding;
            best_weight = weight;
        }
    }
    return best;
}

const char *coding_name(enum http_coding coding)
{
    switch (coding) {
    case HTTP_CODING_GZIP:
        return "gzip";
    case HTTP_CODING_ZSTD:
        return "zstd";
    default:
        return NULL;
    }
}

bool coding_is_worth(const char *content_type)
{
    if (!content_type) {
        return false;
    }
    size_t size = strcspn(content_type, "; \t");
    return is_word(content_type, size, "application/json") ||
           is_word(content_type, size, "application/x-ndjson") ||
           (size > 5 && strncasecmp(content_type, "text/", 5) == 0);
}
