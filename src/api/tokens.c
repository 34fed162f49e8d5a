/* SPDX-License-Identifier: Apache-2.0
 *
 * Parses the bytes of the token file, and compares the tokens of clients. Pure.
 */
#include "api/tokens.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"

struct token {
    const char *bytes; /* in `text` */
    size_t size;       /* at least 1 */
};

struct tokens {
    char *text; /* owned; a copy of the file */
    struct token *all;
    size_t count;
    size_t short_line;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The offset of the first byte that is not allowed in a line, or `size`. Tabs are blanks. */
static size_t find_control(const char *line, size_t size)
{
    size_t at = 0;
    while (at < size &&
           (line[at] == '\t' || ((unsigned char)line[at] >= 0x20 && line[at] != 0x7f))) {
        at++;
    }
    return at;
}

static int refuse_control(char byte, size_t number, struct error *error)
{
    if (byte == '\r') {
        return error_set(error, ERROR_MALFORMED,
                         "line %zu has a carriage return that is not followed by a line feed: end "
                         "lines with LF or CRLF",
                         number);
    }
    return error_set(error, ERROR_MALFORMED,
                     "line %zu has a control byte (0x%02x): a token consists of printable bytes",
                     number, (unsigned)(unsigned char)byte);
}

/* One line, without its end. */
static int take_line(struct tokens *tokens, const char *line, size_t size, size_t number,
                     struct error *error)
{
    size_t control = find_control(line, size);
    if (control < size) {
        return refuse_control(line[control], number, error);
    }
    while (size > 0 && is_blank(line[0])) {
        line++;
        size--;
    }
    while (size > 0 && is_blank(line[size - 1])) {
        size--;
    }
    if (size == 0 || line[0] == '#') {
        return 0;
    }
    if (memchr(line, '\t', size)) {
        return refuse_control('\t', number, error);
    }
    if (size < LIMIT_TOKEN_LEAST_BYTES && tokens->short_line == 0) {
        tokens->short_line = number;
    }
    tokens->all[tokens->count++] = (struct token){line, size};
    return 0;
}

static int take_lines(struct tokens *tokens, size_t size, struct error *error)
{
    static const char mark[] = {'\xef', '\xbb', '\xbf'};
    size_t at =
        size >= sizeof mark && memcmp(tokens->text, mark, sizeof mark) == 0 ? sizeof mark : 0;
    for (size_t number = 1; at < size; number++) {
        const char *line = tokens->text + at;
        const char *end = memchr(line, '\n', size - at);
        size_t length = end ? (size_t)(end - line) : size - at;
        at += length + 1;
        if (end && length > 0 && line[length - 1] == '\r') {
            length--;
        }
        int r = take_line(tokens, line, length, number, error);
        if (r < 0) {
            return r;
        }
    }
    return tokens->count > 0 ? 0 : error_set(error, ERROR_MALFORMED, "there is no token in it");
}

int tokens_parse(const char *bytes, size_t size, struct tokens **ret_tokens, struct error *error)
{
    if (size > LIMIT_TOKEN_FILE_BYTES) {
        return error_set(error, ERROR_TOO_LARGE, "it has more than %llu bytes",
                         (unsigned long long)LIMIT_TOKEN_FILE_BYTES);
    }
    size_t lines = 1;
    for (size_t i = 0; i < size; i++) {
        lines += bytes[i] == '\n';
    }
    struct tokens *tokens = calloc(1, sizeof *tokens);
    if (tokens) {
        tokens->text = malloc(size + 1);
        tokens->all = calloc(lines, sizeof *tokens->all);
    }
    if (!tokens || !tokens->text || !tokens->all) {
        tokens_free(tokens);
        return error_memory(error, NULL);
    }
    if (size > 0) {
        memcpy(tokens->text, bytes, size);
    }
    int r = take_lines(tokens, size, error);
    if (r < 0) {
        tokens_free(tokens);
        return r;
    }
    *ret_tokens = tokens;
    return 0;
}

void tokens_free(struct tokens *tokens)
{
    if (tokens) {
        free(tokens->text);
        free(tokens->all);
        free(tokens);
    }
}

size_t tokens_count(const struct tokens *tokens)
{
    return tokens->count;
}

size_t tokens_short_line(const struct tokens *tokens)
{
    return tokens->short_line;
}

static bool is_same(const struct token *token, const char *given, size_t size)
{
    unsigned difference = token->size != size;
    for (size_t i = 0; i < size; i++) { /* no early return: the time must reveal nothing */
        difference |= (unsigned)(unsigned char)given[i] ^
                      (unsigned)(unsigned char)token->bytes[i % token->size];
    }
    return difference == 0;
}

bool tokens_match(const struct tokens *tokens, const char *given)
{
    size_t size = strlen(given);
    bool found = false;
    for (size_t i = 0; i < tokens->count; i++) {
        found = is_same(&tokens->all[i], given, size) || found;
    }
    return found;
}

bool tokens_admit(const struct tokens *tokens, const char *authorization)
{
    static const char scheme[] = "Bearer";
    size_t length = strlen(scheme);
    if (!authorization || strncasecmp(authorization, scheme, length) != 0 ||
        authorization[length] != ' ') {
        return false;
    }
    return tokens_match(tokens, authorization + length + strspn(authorization + length, " "));
}
