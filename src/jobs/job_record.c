/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines of the log of a job: a member is appended to a result object, and removed again. It is
 * searched from the end of the line, so that reading a line of any length costs little more than
 * its checksum. Pure.
 */
#include "jobs/job_record.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/json.h"
#include "data/object_name.h"

#define MEMBER "\"log\":\""
#define OBJECT_HEAD "{\"object\":\""
#define ENCODED_MARK ",\"encoded\":true"

enum {
    MEMBER_SIZE = sizeof MEMBER - 1,
    OBJECT_HEAD_SIZE = sizeof OBJECT_HEAD - 1,
    SUM_DIGITS = 8,
    WORDS_ROOM = 192, /* all words of a member at their maximum length */
};

/* ---- numbers ---- */

/* Appends a word and a space. */
static char *put_number(char *at, uint64_t value, unsigned base)
{
    char digits[20];
    size_t count = 0;
    do {
        digits[count++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value > 0);
    while (count > 0) {
        *at++ = digits[--count];
    }
    *at++ = ' ';
    return at;
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Reads a word and the space behind it: true, and *at is advanced. */
static bool take_number(const char **at, const char *end, unsigned base, uint64_t *ret_value)
{
    uint64_t value = 0;
    const char *p = *at;
    for (; p < end && *p != ' '; p++) {
        int digit = digit_value(*p);
        if (digit < 0 || (unsigned)digit >= base || value > (UINT64_MAX - (unsigned)digit) / base) {
            return false;
        }
        value = value * base + (unsigned)digit;
    }
    if (p == *at || p == end) {
        return false;
    }
    *at = p + 1;
    *ret_value = value;
    return true;
}

static bool take_word(const char **at, const char *end, char word)
{
    if (end - *at < 2 || (*at)[0] != word || (*at)[1] != ' ') {
        return false;
    }
    *at += 2;
    return true;
}

/* ---- the member ---- */

static size_t write_words(char words[WORDS_ROOM], const struct job_record_facts *facts)
{
    char *at = words;
    if (facts->cached) {
        *at++ = 'c';
        *at++ = ' ';
    }
    if (facts->flawed) {
        *at++ = '!';
        *at++ = ' ';
    }
    if (facts->bytes_read > 0) {
        *at++ = 'r';
        at = put_number(at, facts->bytes_read, 10);
    }
    if (facts->pass > 0) {
        at = put_number(at, facts->pass, 10);
    } else if (facts->has_identity) {
        *at++ = 'i';
        *at++ = ' ';
    }
    if (facts->has_identity) {
        for (size_t i = 0; i < IDENTITY_WORDS; i++) {
            at = put_number(at, identity_word(&facts->identity, i), 16);
        }
    }
    return (size_t)(at - words);
}

static int read_words(const char *at, const char *end, struct job_record_facts *ret_facts)
{
    struct job_record_facts facts = {0};
    facts.cached = take_word(&at, end, 'c');
    facts.flawed = take_word(&at, end, '!');
    if (at < end && *at == 'r') {
        at++;
        if (!take_number(&at, end, 10, &facts.bytes_read)) {
            return -EBADMSG;
        }
    }
    bool plain = take_word(&at, end, 'i');
    if (!plain && at < end && (!take_number(&at, end, 10, &facts.pass) || facts.pass == 0)) {
        return -EBADMSG;
    }
    if (plain || at < end) {
        uint64_t words[IDENTITY_WORDS];
        for (size_t i = 0; i < IDENTITY_WORDS; i++) {
            if (!take_number(&at, end, 16, &words[i])) {
                return -EBADMSG;
            }
        }
        facts.has_identity = true;
        facts.identity = identity_of_words(words);
    }
    if (at != end) {
        return -EBADMSG;
    }
    *ret_facts = facts;
    return 0;
}

static void write_sum(char digits[SUM_DIGITS], uint32_t sum)
{
    for (size_t i = SUM_DIGITS; i > 0; i--) {
        digits[i - 1] = "0123456789abcdef"[sum & 15];
        sum >>= 4;
    }
}

void job_record_write(struct buffer *out, const char *object, size_t size,
                      const struct job_record_facts *facts)
{
    char words[WORDS_ROOM];
    char digits[SUM_DIGITS];
    size_t start = out->size;
    if (size > 0 && object[size - 1] == '}') {
        size--;
    }
    buffer_append(out, object, size);
    if (size > 1) {
        buffer_append_char(out, ',');
    }
    buffer_append(out, MEMBER, MEMBER_SIZE);
    buffer_append(out, words, write_words(words, facts));
    if (buffer_ok(out) < 0) {
        return;
    }
    write_sum(digits, crc32c_add(0, out->data + start, out->size - start));
    buffer_append(out, digits, sizeof digits);
    buffer_append(out, "\"}\n", 3);
}

/* The start of the words of the member, or NULL. */
static const char *find_words(const char *line, const char *sum)
{
    size_t room = (size_t)(sum - line);
    size_t reach = room < WORDS_ROOM ? room : WORDS_ROOM;
    const char *quote = memrchr(sum - reach, '"', reach);
    if (!quote || quote + 1 - line <= MEMBER_SIZE ||
        memcmp(quote + 1 - MEMBER_SIZE, MEMBER, MEMBER_SIZE) != 0) {
        return NULL;
    }
    return quote + 1;
}

int job_record_check(const char *line, size_t size, size_t *ret_visible,
                     struct job_record_facts *ret_facts)
{
    char digits[SUM_DIGITS];
    if (size < 1 + MEMBER_SIZE + SUM_DIGITS + 2 || line[0] != '{' ||
        memcmp(line + size - 2, "\"}", 2) != 0) {
        return -EBADMSG;
    }
    const char *sum = line + size - 2 - SUM_DIGITS;
    const char *words = find_words(line, sum);
    if (!words) {
        return -EBADMSG;
    }
    write_sum(digits, crc32c_add(0, line, (size_t)(sum - line)));
    if (memcmp(digits, sum, SUM_DIGITS) != 0) {
        return -EBADMSG;
    }
    size_t visible = (size_t)(words - line) - MEMBER_SIZE;
    if (visible > 1) {
        visible--;
        if (line[visible] != ',') {
            return -EBADMSG;
        }
    }
    int r = read_words(words, sum, ret_facts);
    if (r == 0) {
        *ret_visible = visible;
    }
    return r;
}

/* ---- the content of a line ---- */

/* The length of the quoted name, including quotes, behind `{"object":`; 0: none. */
static size_t name_length(const char *line, size_t size)
{
    if (size < OBJECT_HEAD_SIZE || memcmp(line, OBJECT_HEAD, OBJECT_HEAD_SIZE) != 0) {
        return 0;
    }
    const char *start = line + OBJECT_HEAD_SIZE;
    const char *end = line + size;
    for (const char *p = start; p < end; p++) {
        if (*p == '"') {
            return (size_t)(p - start) + 2;
        }
        if (*p == '\\') {
            p++;
        }
    }
    return 0;
}

static bool is_at(const char *line, size_t size, size_t at, const char *text)
{
    size_t length = strlen(text);
    return size - at >= length && memcmp(line + at, text, length) == 0;
}

/* What follows the name, and the mark of an encoded name. */
static bool continues_with(const char *line, size_t size, const char *member)
{
    size_t name = name_length(line, size);
    size_t at = name == 0 ? 0 : OBJECT_HEAD_SIZE - 1 + name;
    if (name > 0 && is_at(line, size, at, ENCODED_MARK)) {
        at += strlen(ENCODED_MARK);
    }
    return name > 0 && is_at(line, size, at, member);
}

bool job_record_is_failure(const char *line, size_t size)
{
    return continues_with(line, size, ",\"error\":");
}

bool job_record_is_gone(const char *line, size_t size)
{
    return continues_with(line, size, ",\"gone\":true");
}

int job_record_object(const char *line, size_t size, const struct job_record_facts *facts,
                      char **ret_object)
{
    size_t length = name_length(line, size);
    if (length == 0) {
        return -EBADMSG;
    }
    cleanup_buffer struct buffer array = BUFFER_INIT;
    cleanup_json struct json *root = NULL;
    buffer_append_char(&array, '[');
    buffer_append(&array, line + OBJECT_HEAD_SIZE - 1, length);
    buffer_append_char(&array, ']');
    if (buffer_ok(&array) < 0) {
        return -ENOMEM;
    }
    if (json_parse(array.data, array.size, "name", &root, NULL) < 0) {
        return -EBADMSG;
    }
    const char *text = json_get_string(json_element(root, 0), NULL);
    if (!text || text[0] == '\0') {
        return -EBADMSG;
    }
    cleanup_free char *object = strdup(text);
    if (!object) {
        return -ENOMEM;
    }
    /* Earlier versions did not mark the name in the line, only in the facts. */
    bool encoded = facts->flawed || is_at(line, size, OBJECT_HEAD_SIZE - 1 + length, ENCODED_MARK);
    int r = encoded ? object_name_decode(object) : 0;
    if (r == 0) {
        *ret_object = take_ptr(object);
    }
    return r;
}
