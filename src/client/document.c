/* SPDX-License-Identifier: Apache-2.0
 *
 * Fetched JSON documents and the memory that hangs on them.
 */
#include "client/document.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "client/name_check.h"

struct document_block {
    struct document_block *next; /* owned */
    max_align_t memory[];
};

int document_request(struct document *document, struct situ *array, const struct request *request,
                     struct situ_error *error)
{
    int r = request_perform(array, request, &document->text, error);
    if (r) {
        return r;
    }
    struct error reason;
    struct buffer *text = &document->text;
    r = json_parse(text->data, text->size, "answer", &document->root, &reason);
    if (r) {
        return client_fail_answer(error, &reason);
    }
    while (text->size > 0 && text->data[text->size - 1] == '\n') {
        text->size--;
    }
    return buffer_text(text) ? 0 : client_fail_memory(error);
}

int document_get(struct document *document, struct situ *array, struct buffer *target,
                 struct situ_error *error)
{
    struct request request = {.method = "GET", .target = buffer_text(target), .compressed = true};
    return request.target ? document_request(document, array, &request, error)
                          : client_fail_memory(error);
}

void *document_alloc(struct document *document, size_t count, size_t size)
{
    if (count > (SIZE_MAX / 2 - sizeof(struct document_block)) / size) {
        return NULL;
    }
    size_t bytes = count > 0 ? count * size : size;
    struct document_block *block = calloc(1, sizeof *block + bytes);
    if (!block) {
        return NULL;
    }
    block->next = document->blocks;
    document->blocks = block;
    return block->memory;
}

/* Ends the element of a valid document that begins at `*text` with a brace: past its end. */
static char *past_object(char *text)
{
    size_t depth = 0;
    bool quoted = false;
    for (; *text; text++) {
        if (quoted) {
            quoted = *text != '"';
            text += *text == '\\' && text[1];
        } else if (*text == '"') {
            quoted = true;
        } else if (*text == '{' || *text == '[') {
            depth++;
        } else if (*text == '}' || *text == ']') {
            depth--;
            if (depth == 0) {
                return text + 1;
            }
        }
    }
    return text;
}

const char *const *document_elements(struct document *document, const char *member, size_t count)
{
    size_t size = strlen(document_text(document)) + 1;
    char *text = document_alloc(document, size, 1);
    const char **elements = document_alloc(document, count, sizeof *elements);
    if (!text || !elements) {
        return NULL;
    }
    memcpy(text, document_text(document), size);
    char *at = strstr(text, member);
    at = at ? strchr(at, '[') : NULL;
    for (size_t i = 0; i < count; i++) {
        char *start = at ? strchr(at, '{') : NULL;
        at = start ? past_object(start) : NULL;
        elements[i] = at && *at ? start : "";
        if (at && *at) {
            *at++ = '\0';
        }
    }
    return elements;
}

int document_name(struct document *document, const struct json *node, const char *member,
                  const char **ret_name, struct situ_error *error)
{
    return name_read(node, member, &document->names, ret_name, error);
}

const char *document_text(const struct document *document)
{
    return document->text.data ? document->text.data : "";
}

void document_done(struct document *document)
{
    while (document->blocks) {
        struct document_block *next = document->blocks->next;
        free(document->blocks);
        document->blocks = next;
    }
    json_free(document->root);
    pool_done(&document->names);
    buffer_done(&document->text);
    *document = (struct document){0};
}
