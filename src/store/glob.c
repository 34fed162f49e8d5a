/* SPDX-License-Identifier: Apache-2.0
 *
 * Patterns of keys as a state machine: a bit set of all places of the pattern that the part of
 * the key read so far may have reached. So a character costs at most as many steps as the
 * pattern has places, however many stars there are. Most keys are decided before: the pattern's
 * literal head and tail are compared first.
 */
#include "store/glob.h"

#include <stdint.h>
#include <string.h>

#include "base/limits.h"
#include "base/utf8.h"

enum {
    PLACES = LIMIT_KEY_BYTES + 1, /* a token has at least one byte of pattern; and the end */
    WORD_BITS = 64,
    WORDS = (PLACES + WORD_BITS - 1) / WORD_BITS,
    NO_CHARACTER = 0x110000, /* plus the byte that is not UTF-8 */
};

enum token_kind {
    TOKEN_LITERAL,
    TOKEN_ANY,        /* one character, no slash */
    TOKEN_CLASS,      /* one of, or none of, its ranges */
    TOKEN_STAR,       /* any characters, no slash */
    TOKEN_DEEP,       /* any characters */
    TOKEN_COMPONENTS, /* nothing; the next two tokens, DEEP and a slash, are optional */
};

struct token {
    enum token_kind kind;
    uint32_t character; /* of a literal */
    size_t at;          /* offset of its bytes in the pattern */
    size_t size;        /* of a literal, in bytes */
    size_t first_range; /* of a class */
    size_t range_count; /* likewise */
    bool others;        /* a class of all characters but these */
};

struct range {
    uint32_t low;
    uint32_t high;
};

struct glob {
    bool whole;           /* matched with the whole key */
    struct token *tokens; /* owned */
    size_t count;
    struct range *ranges; /* owned */
    size_t range_count;
    char *head; /* owned */
    char *tail; /* owned; what each match ends with */
    size_t tail_size;
};

/* The character at `text`, which is not at its end. */
static uint32_t next_character(const char *text, size_t *ret_size)
{
    unsigned char lead = (unsigned char)text[0];
    size_t size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (size == 1 || strnlen(text, size) < size || !utf8_valid(text, size)) {
        *ret_size = 1;
        return lead < 0x80 ? lead : (uint32_t)NO_CHARACTER + lead;
    }
    uint32_t character = lead & (0x7fu >> size);
    for (size_t i = 1; i < size; i++) {
        character = character << 6 | ((unsigned char)text[i] & 0x3fu);
    }
    *ret_size = size;
    return character;
}

/* ---- patterns ---- */

/* A character of a class or a literal, after its backslash. */
static uint32_t take_character(const char *pattern, size_t *at)
{
    size_t size;
    if (pattern[*at] == '\\' && pattern[*at + 1] != '\0') {
        ++*at;
    }
    uint32_t character = next_character(pattern + *at, &size);
    *at += size;
    return character;
}

/* Reads the class whose bracket is at *at: true, and *at is after its end. */
static bool take_class(struct glob *glob, const char *pattern, size_t *at, struct token *token)
{
    size_t place = *at + 1;
    size_t count = glob->range_count;
    token->others = pattern[place] == '!' || pattern[place] == '^';
    place += token->others ? 1 : 0;
    /* As the first character, a bracket does not close the class. */
    for (bool first = true; first || pattern[place] != ']'; first = false) {
        if (pattern[place] == '\0') {
            return false;
        }
        struct range range;
        range.low = take_character(pattern, &place);
        range.high = range.low;
        if (pattern[place] == '-' && pattern[place + 1] != ']' && pattern[place + 1] != '\0') {
            place++;
            range.high = take_character(pattern, &place);
        }
        glob->ranges[count++] = range;
    }
    token->kind = TOKEN_CLASS;
    token->first_range = glob->range_count;
    token->range_count = count - glob->range_count;
    glob->range_count = count;
    *at = place + 1;
    return true;
}

static void add_token(struct glob *glob, struct token token)
{
    glob->tokens[glob->count++] = token;
}

static void take_stars(struct glob *glob, const char *pattern, size_t *at)
{
    size_t stars = strspn(pattern + *at, "*");
    bool begins = *at == 0 || pattern[*at - 1] == '/';
    bool component = stars == 2 && begins && pattern[*at + stars] == '/';
    if (component) {
        add_token(glob, (struct token){.kind = TOKEN_COMPONENTS, .at = *at});
    }
    add_token(glob, (struct token){.kind = stars > 1 ? TOKEN_DEEP : TOKEN_STAR, .at = *at});
    *at += stars;
}

static void take_pattern(struct glob *glob, const char *pattern)
{
    for (size_t at = 0; pattern[at] != '\0';) {
        struct token token = {.at = at};
        if (pattern[at] == '*') {
            take_stars(glob, pattern, &at);
        } else if (pattern[at] == '?') {
            token.kind = TOKEN_ANY;
            add_token(glob, token);
            at++;
        } else if (pattern[at] == '[' && take_class(glob, pattern, &at, &token)) {
            add_token(glob, token);
        } else {
            token.kind = TOKEN_LITERAL;
            token.at = at + (pattern[at] == '\\' && pattern[at + 1] != '\0' ? 1 : 0);
            token.character = take_character(pattern, &at);
            token.size = at - token.at;
            add_token(glob, token);
        }
    }
}

/* The bytes of the literals from `first` up to `end`. */
static size_t put_literals(const struct glob *glob, const char *pattern, size_t first, size_t end,
                           char *to)
{
    size_t size = 0;
    for (size_t i = first; i < end; i++) {
        memcpy(to + size, pattern + glob->tokens[i].at, glob->tokens[i].size);
        size += glob->tokens[i].size;
    }
    to[size] = '\0';
    return size;
}

static void find_ends(struct glob *glob, const char *pattern)
{
    size_t head = 0;
    size_t tail = glob->count;
    while (glob->whole && head < glob->count && glob->tokens[head].kind == TOKEN_LITERAL) {
        head++;
    }
    while (tail > 0 && glob->tokens[tail - 1].kind == TOKEN_LITERAL) {
        tail--;
    }
    /* The slash after a component `**` is optional, too. */
    if (tail > 1 && tail < glob->count && glob->tokens[tail - 1].kind == TOKEN_DEEP &&
        glob->tokens[tail - 2].kind == TOKEN_COMPONENTS) {
        tail++;
    }
    (void)put_literals(glob, pattern, 0, head, glob->head);
    glob->tail_size = put_literals(glob, pattern, tail, glob->count, glob->tail);
}

int glob_new(const char *pattern, struct glob **ret_glob, struct error *error)
{
    size_t size = strnlen(pattern, LIMIT_KEY_BYTES + 1);
    if (size == 0 || size > LIMIT_KEY_BYTES) {
        return error_set(error, ERROR_MALFORMED, "a glob has 1 to %u bytes", LIMIT_KEY_BYTES);
    }
    struct glob *glob = calloc(1, sizeof *glob);
    if (glob) {
        glob->whole = strchr(pattern, '/') != NULL;
        glob->tokens = calloc(size, sizeof *glob->tokens);
        glob->ranges = calloc(size, sizeof *glob->ranges);
        glob->head = malloc(size + 1);
        glob->tail = malloc(size + 1);
    }
    if (!glob || !glob->tokens || !glob->ranges || !glob->head || !glob->tail) {
        glob_free(glob);
        return error_memory(error, "a glob");
    }
    take_pattern(glob, pattern);
    find_ends(glob, pattern);
    *ret_glob = glob;
    return 0;
}

void glob_free(struct glob *glob)
{
    if (!glob) {
        return;
    }
    free(glob->tokens);
    free(glob->ranges);
    free(glob->head);
    free(glob->tail);
    free(glob);
}

const char *glob_head(const struct glob *glob)
{
    return glob->head;
}

/* ---- matching ---- */

struct places {
    uint64_t bits[WORDS];
};

static void add_place(struct places *places, size_t place)
{
    places->bits[place / WORD_BITS] |= UINT64_C(1) << place % WORD_BITS;
}

static bool has_place(const struct places *places, size_t place)
{
    return (places->bits[place / WORD_BITS] >> place % WORD_BITS & 1) != 0;
}

/* The first place in the set from `from` on; `end`: none. */
static size_t next_place(const struct places *places, size_t from, size_t end)
{
    while (from < end) {
        uint64_t rest = places->bits[from / WORD_BITS] >> from % WORD_BITS;
        if (rest != 0) {
            from += (size_t)__builtin_ctzll(rest);
            return from < end ? from : end;
        }
        from += WORD_BITS - from % WORD_BITS;
    }
    return end;
}

static bool in_class(const struct glob *glob, const struct token *token, uint32_t character)
{
    bool found = false;
    for (size_t i = 0; i < token->range_count && !found; i++) {
        const struct range *range = &glob->ranges[token->first_range + i];
        found = character >= range->low && character <= range->high;
    }
    return found != token->others && character != '/';
}

static bool takes(const struct glob *glob, const struct token *token, uint32_t character)
{
    switch (token->kind) {
    case TOKEN_LITERAL:
        return token->character == character;
    case TOKEN_CLASS:
        return in_class(glob, token, character);
    case TOKEN_ANY:
    case TOKEN_STAR:
        return character != '/';
    case TOKEN_DEEP:
        return true;
    case TOKEN_COMPONENTS:
        break;
    }
    return false;
}

/* Places that are reached without a character come later, so one walk in order finds them all. */
static void step_over(const struct token *token, size_t place, struct places *now)
{
    if (token->kind == TOKEN_STAR || token->kind == TOKEN_DEEP) {
        add_place(now, place + 1);
    } else if (token->kind == TOKEN_COMPONENTS) {
        add_place(now, place + 1);
        add_place(now, place + 3);
    }
}

/* Takes one character; false: no place is left. */
static bool step(const struct glob *glob, struct places *now, uint32_t character)
{
    struct places next;
    bool any = false;
    memset(next.bits, 0, (glob->count / WORD_BITS + 1) * sizeof next.bits[0]);
    for (size_t place = next_place(now, 0, glob->count); place < glob->count;
         place = next_place(now, place + 1, glob->count)) {
        const struct token *token = &glob->tokens[place];
        step_over(token, place, now);
        if (takes(glob, token, character)) {
            bool stays = token->kind == TOKEN_STAR || token->kind == TOKEN_DEEP;
            add_place(&next, stays ? place : place + 1);
            any = true;
        }
    }
    memcpy(now->bits, next.bits, (glob->count / WORD_BITS + 1) * sizeof next.bits[0]);
    return any;
}

bool glob_match(const struct glob *glob, const char *key)
{
    const char *slash = glob->whole ? NULL : strrchr(key, '/');
    const char *text = slash ? slash + 1 : key;
    size_t size = strlen(text);
    if (size < glob->tail_size ||
        memcmp(text + size - glob->tail_size, glob->tail, glob->tail_size) != 0) {
        return false;
    }
    struct places now;
    memset(now.bits, 0, (glob->count / WORD_BITS + 1) * sizeof now.bits[0]);
    add_place(&now, 0);
    while (*text != '\0') {
        size_t length;
        if (!step(glob, &now, next_character(text, &length))) {
            return false;
        }
        text += length;
    }
    for (size_t place = next_place(&now, 0, glob->count); place < glob->count;
         place = next_place(&now, place + 1, glob->count)) {
        step_over(&glob->tokens[place], place, &now);
    }
    return has_place(&now, glob->count);
}
