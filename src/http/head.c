/* SPDX-License-Identifier: Apache-2.0
 *
 * First searches for the end of the head byte by byte as it arrives, and refuses bytes that no head
 * may have; then the whole head is parsed line by line.
 */
#include "http/head.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"

static int refuse(struct http_refusal *refusal, unsigned status, const char *message)
{
    *refusal = (struct http_refusal){status, message};
    return -EINVAL;
}

/* ---- the end ---- */

static int check_byte(const char *bytes, size_t at, struct http_refusal *refusal)
{
    unsigned char c = (unsigned char)bytes[at];
    bool behind_cr = at > 0 && bytes[at - 1] == '\r';
    if (c == '\n') {
        return behind_cr
                   ? 0
                   : refuse(refusal, 400, "a line of the head ends with LF alone: CRLF is needed");
    }
    if (behind_cr) {
        return refuse(refusal, 400, "a carriage return in the head that ends no line");
    }
    if ((c < 0x20 && c != '\t' && c != '\r') || c == 0x7f) {
        return refuse(refusal, 400, c ? "a control byte in the head" : "a NUL byte in the head");
    }
    return 0;
}

int http_head_find_end(const char *bytes, size_t size, size_t *scanned, size_t *ret_size,
                       struct http_refusal *ret_refusal)
{
    *ret_size = 0;
    for (; *scanned < size; ++*scanned) {
        size_t at = *scanned;
        int r = check_byte(bytes, at, ret_refusal);
        if (r < 0) {
            return r;
        }
        if (at >= 3 && bytes[at] == '\n' && bytes[at - 2] == '\n') {
            *scanned = at + 1;
            *ret_size = at + 1;
            break;
        }
    }
    if (*scanned > LIMIT_HEAD_BYTES) {
        return memchr(bytes, '\n', LIMIT_HEAD_BYTES)
                   ? refuse(ret_refusal, 431, "the head is larger than 16 KiB")
                   : refuse(ret_refusal, 414, "the request line is longer than 16 KiB");
    }
    return 0;
}

/* ---- the request line ---- */

bool http_head_is_token_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("!#$%&'*+-.^_`|~", c));
}

static size_t token_size(const char *at, const char *end)
{
    size_t size = 0;
    while (at + size < end && http_head_is_token_byte(at[size])) {
        size++;
    }
    return size;
}

static size_t append(struct buffer *text, const char *bytes, size_t size)
{
    size_t place = text->size;
    buffer_append(text, bytes, size);
    buffer_append_char(text, '\0');
    return place;
}

static int take_version(const char *at, const char *end, struct http_head *head,
                        struct http_refusal *refusal)
{
    static const char name[] = "HTTP/";
    size_t size = strlen(name);
    if ((size_t)(end - at) != size + 3 || memcmp(at, name, size) != 0 || at[size + 1] != '.' ||
        at[size] < '0' || at[size] > '9' || at[size + 2] < '0' || at[size + 2] > '9') {
        return refuse(refusal, 400, "the request line is not METHOD TARGET HTTP/1.1");
    }
    if (at[size] != '1') {
        return refuse(refusal, 505, "the protocol is HTTP/1.1");
    }
    head->old = at[size + 2] == '0';
    head->keep = !head->old;
    return 0;
}

static size_t count_bytes(const char *at, size_t size, char byte)
{
    size_t count = 0;
    for (size_t i = 0; i < size; i++) {
        count += at[i] == byte;
    }
    return count;
}

static int take_request_line(const char *at, const char *end, struct buffer *text,
                             struct http_head *head, struct http_refusal *refusal)
{
    static const char form[] = "the request line is not METHOD TARGET HTTP/1.1";
    size_t size = token_size(at, end);
    if (size == 0 || at + size == end || at[size] != ' ') {
        return refuse(refusal, 400, form);
    }
    head->method = append(text, at, size);
    at += size + 1;
    const char *blank = memchr(at, ' ', (size_t)(end - at));
    if (!blank || blank == at || memchr(at, '\t', (size_t)(blank - at))) {
        return refuse(refusal, 400, form);
    }
    head->target = append(text, at, (size_t)(blank - at));
    int r = take_version(blank + 1, end, head, refusal);
    if (r == 0 && count_bytes(at, (size_t)(blank - at), '&') >= LIMIT_HEAD_PAIRS) {
        return refuse(refusal, 414, "more than 256 query parameters");
    }
    return r;
}

/* ---- fields ---- */

/* What is known only from several fields of a head. */
struct facts {
    unsigned hosts;
    unsigned lengths;
    unsigned encodings;
    unsigned types;
    bool closes; /* Connection: close, in any of its fields */
    size_t cookies;
    size_t host; /* offset of its value in `text` */
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int take_length(const char *value, struct http_head *head, struct http_refusal *refusal)
{
    uint64_t length = 0;
    if (!*value) {
        return refuse(refusal, 400, "Content-Length is not a number of bytes");
    }
    for (const char *c = value; *c; c++) {
        if (!is_digit(*c)) {
            return refuse(refusal, 400, "Content-Length is not a number of bytes");
        }
        if (length > (UINT64_MAX - 9) / 10) {
            return refuse(refusal, 413, "the body is larger than this request may be");
        }
        length = length * 10 + (uint64_t)(*c - '0');
    }
    head->length = length;
    return 0;
}

/* Whether a comma-separated list has `word`. */
static bool list_has(const char *list, const char *word)
{
    size_t size = strlen(word);
    while (*list) {
        list += strspn(list, " \t,");
        size_t item = strcspn(list, " \t,");
        if (item == size && strncasecmp(list, word, size) == 0) {
            return true;
        }
        list += item;
    }
    return false;
}

/* A name or address, with or without a port. Text before an @ would not be a host. */
static bool is_host(const char *host)
{
    static const char in_name[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "-._~%!$&'()*+,;=";
    size_t size = 0;
    if (host[0] == '[') {
        size = 1 + strspn(host + 1, "0123456789abcdefABCDEFvV.:");
        if (size == 1 || host[size] != ']') {
            return false;
        }
        size++;
    } else {
        size = strspn(host, in_name);
    }
    if (host[size] == ':') {
        size++;
        size += strspn(host + size, "0123456789");
    }
    return host[size] == '\0';
}

static int judge_field(const char *name, const char *value, struct http_head *head,
                       struct facts *facts, struct http_refusal *refusal)
{
    if (strcasecmp(name, "Host") == 0) {
        facts->hosts++;
        if (!is_host(value)) {
            return refuse(refusal, 400, "Host is not a name or address with or without a port");
        }
    } else if (strcasecmp(name, "Content-Length") == 0) {
        facts->lengths++;
        return take_length(value, head, refusal);
    } else if (strcasecmp(name, "Transfer-Encoding") == 0) {
        facts->encodings++;
        head->chunked = strcasecmp(value, "chunked") == 0;
    } else if (strcasecmp(name, "Content-Type") == 0) {
        facts->types++;
    } else if (strcasecmp(name, "Connection") == 0) {
        facts->closes = facts->closes || list_has(value, "close");
        head->keep = !facts->closes && (head->keep || list_has(value, "keep-alive"));
    } else if (strcasecmp(name, "Expect") == 0) {
        head->expects = true;
        head->continues = strcasecmp(value, "100-continue") == 0 && !head->old;
    } else if (strcasecmp(name, "Cookie") == 0) {
        facts->cookies += 1 + count_bytes(value, strlen(value), ';');
    }
    return 0;
}

static int take_field(const char *at, const char *end, struct buffer *text, struct http_head *head,
                      struct facts *facts, struct http_refusal *refusal)
{
    if (*at == ' ' || *at == '\t') {
        return refuse(refusal, 400, "a line of the head begins with a blank");
    }
    size_t name_size = token_size(at, end);
    if (name_size == 0 || at + name_size == end || at[name_size] != ':') {
        return refuse(
            refusal, 400,
            "a line of the head is not a field name, a colon right behind it, and a value");
    }
    if (++head->field_count > LIMIT_HEAD_FIELDS) {
        head->field_count--;
        return refuse(refusal, 431, "the head has more than 256 fields");
    }
    size_t name = append(text, at, name_size);
    at += name_size + 1;
    while (at < end && (*at == ' ' || *at == '\t')) {
        at++;
    }
    while (end > at && (end[-1] == ' ' || end[-1] == '\t')) {
        end--;
    }
    size_t value = append(text, at, (size_t)(end - at));
    if (buffer_ok(text) < 0) {
        return -ENOMEM;
    }
    if (facts->hosts == 0 && strcasecmp(text->data + name, "Host") == 0) {
        facts->host = value;
    }
    return judge_field(text->data + name, text->data + value, head, facts, refusal);
}

/* The size of an authority's host, without its port. */
static size_t host_size(const char *authority, size_t size)
{
    const char *bracket = authority[0] == '[' ? memchr(authority, ']', size) : NULL;
    size_t start = bracket ? (size_t)(bracket - authority) : 0;
    const char *colon = memchr(authority + start, ':', size - start);
    return colon ? (size_t)(colon - authority) : size;
}

/* The absolute form has the host twice; a proxy may have used either. */
static bool same_authority(const char *target, const char *host)
{
    size_t scheme = strncasecmp(target, "http://", 7) == 0    ? 7
                    : strncasecmp(target, "https://", 8) == 0 ? 8
                                                              : 0;
    if (scheme == 0) {
        return true;
    }
    size_t size = host_size(target + scheme, strcspn(target + scheme, "/?"));
    return host_size(host, strlen(host)) == size && strncasecmp(target + scheme, host, size) == 0;
}

static int judge_whole(const struct buffer *text, const struct http_head *head,
                       const struct facts *facts, struct http_refusal *refusal)
{
    if (facts->hosts > 1) {
        return refuse(refusal, 400, "more than one Host");
    }
    if (facts->hosts == 0 && !head->old) {
        return refuse(refusal, 400, "there is no Host");
    }
    if (facts->hosts == 1 && !same_authority(text->data + head->target, text->data + facts->host)) {
        return refuse(refusal, 400, "Host is not the one that the target names");
    }
    if (facts->lengths > 1 || facts->encodings > 1 || (facts->lengths && facts->encodings)) {
        return refuse(refusal, 400, "more than one Content-Length or Transfer-Encoding");
    }
    if (facts->encodings && !head->chunked) {
        return refuse(refusal, 400, "the only Transfer-Encoding understood is chunked");
    }
    if (head->chunked && head->old) {
        return refuse(refusal, 400, "HTTP/1.0 has no Transfer-Encoding");
    }
    if (facts->types > 1) {
        return refuse(refusal, 400, "more than one Content-Type");
    }
    if (facts->cookies > LIMIT_HEAD_PAIRS) {
        return refuse(refusal, 431, "more than 256 cookies");
    }
    return 0;
}

int http_head_parse(const char *bytes, size_t size, struct buffer *text, struct http_head *ret_head,
                    struct http_refusal *ret_refusal)
{
    const char *at = bytes;
    const char *end = bytes + size;
    struct facts facts = {0};
    *ret_head = (struct http_head){.method = append(text, "", 0)};
    ret_head->target = ret_head->fields = ret_head->method;
    int r = 0;
    for (bool first = true; at < end && r == 0; first = false) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        if (!line_end || line_end == at || line_end[-1] != '\r') {
            return refuse(ret_refusal, 400, "a line of the head does not end with CRLF");
        }
        if (line_end - 1 == at) {
            r = first ? refuse(ret_refusal, 400, "there is no request line") : 0;
            break;
        }
        if (first) {
            r = take_request_line(at, line_end - 1, text, ret_head, ret_refusal);
            ret_head->fields = text->size;
        } else {
            r = take_field(at, line_end - 1, text, ret_head, &facts, ret_refusal);
        }
        at = line_end + 1;
    }
    if (buffer_ok(text) < 0) {
        return -ENOMEM;
    }
    return r < 0 ? r : judge_whole(text, ret_head, &facts, ret_refusal);
}

const char *http_head_field(const struct buffer *text, const struct http_head *head,
                            const char *name, size_t *place)
{
    if (buffer_ok(text) < 0 || head->field_count == 0) {
        return NULL;
    }
    const char *at = text->data + head->fields;
    for (size_t i = 0; i < head->field_count; i++) {
        const char *value = at + strlen(at) + 1;
        if (i >= *place && strcasecmp(at, name) == 0) {
            *place = i + 1;
            return value;
        }
        at = value + strlen(value) + 1;
    }
    return NULL;
}
