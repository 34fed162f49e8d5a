/* SPDX-License-Identifier: Apache-2.0
 *
 * Fetched JSON documents and the memory that belongs to them.
 */
#include "client/document.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/reply.h"

enum { MEMBER_SIZE = 32 };

static int fetch(struct document *document, struct situ *array, const struct request *request,
                 struct situ_error *error)
{
    struct buffer *text = &document->text;
    int r = request_perform(array, request, text, error);
    if (r) {
        return r;
    }
    struct error reason;
    r = json_parse(text->data, text->size, "answer", &document->root, &reason);
    if (r) {
        return client_fail_answer(error, &reason);
    }
    while (text->size > 0 && text->data[text->size - 1] == '\n') {
        text->size--;
    }
    return buffer_text(text) ? 0 : client_fail_memory(error);
}

int document_request(struct situ *array, const struct request *request,
                     const struct document_form *form, struct document **ret_document,
                     struct situ_error *error)
{
    struct document *document = calloc(1, sizeof *document + (form ? form->size : 0));
    if (!document) {
        return client_fail_memory(error);
    }
    int r = fetch(document, array, request, error);
    if (r == 0 && form) {
        r = form->fill(document, error);
    }
    if (r || !ret_document) {
        document_free(document);
        return r;
    }
    *ret_document = document;
    return 0;
}

int document_get(struct situ *array, const char *target, const struct document_form *form,
                 struct document **ret_document, struct situ_error *error)
{
    struct request request = {.method = "GET", .target = target, .compressed = true};
    return document_request(array, &request, form, ret_document, error);
}

int document_fetch(struct situ *array, const struct request *request,
                   const struct document_form *form, void *ret_public, struct situ_error *error)
{
    struct document *document = NULL;
    int r = document_request(array, request, form, ret_public ? &document : NULL, error);
    if (ret_public) {
        void *public = document_public(document);
        memcpy(ret_public, &public, sizeof public);
    }
    return r;
}

int document_show(struct situ *array, const char *target, const struct document_form *form,
                  void *ret_public, struct situ_error *error)
{
    if (ret_public) {
        memset(ret_public, 0, sizeof(void *));
    }
    if (!array || !ret_public) {
        return -EINVAL;
    }
    struct request request = {.method = "GET", .target = target, .compressed = true};
    return document_fetch(array, &request, form, ret_public, error);
}

void *document_public(struct document *document)
{
    return document ? document->public : NULL;
}

const struct document *document_of(const void *public)
{
    const char *at = public;
    return (const struct document *)(const void *)(at - offsetof(struct document, public));
}

void document_free(struct document *document)
{
    if (document) {
        json_free(document->root);
        pool_done(&document->memory);
        buffer_done(&document->text);
        free(document);
    }
}

void document_free_public(void *public)
{
    if (public) {
        char *at = public;
        document_free((struct document *)(void *)(at - offsetof(struct document, public)));
    }
}

void *document_alloc(struct document *document, size_t count, size_t size)
{
    return count <= SIZE_MAX / 2 / size ? pool_take(&document->memory, count * size) : NULL;
}

int document_list(const struct document *document, const char *what, const struct json **ret_list,
                  struct situ_error *error)
{
    const struct json *list = json_member(document->root, what);
    if (json_type_of(list) != JSON_TYPE_ARRAY) {
        return client_fail(error, SITU_PROTOCOL, "the array's list of %s cannot be read", what);
    }
    *ret_list = list;
    return 0;
}

/* The end of the object that begins at `text`, in a valid document. */
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

const char *const *document_elements(struct document *document, const char *what, size_t count)
{
    char member[MEMBER_SIZE];
    (void)snprintf(member, sizeof member, "\"%s\"", what);
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

int document_name(struct document *document, const struct json *object, const char *key,
                  const char **ret_name, struct situ_error *error)
{
    return reply_name(object, key, &document->memory, ret_name, error);
}

const char *document_text(const struct document *document)
{
    return document->text.data ? document->text.data : "";
}
