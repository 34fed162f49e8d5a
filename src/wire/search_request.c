/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads the request for a search. Vectors become float32 here; a value that is out of range or not
 * a number is refused, so that all later code gets finite values only.
 */
#include "wire/search_request.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/object_name.h"
#include "wire/member.h"

enum {
    DEFAULT_K = 10,
    NAME_BYTES = LIMIT_STORE_NAME + 1 + LIMIT_KEY_BYTES,
    VALUES_MAX = LIMIT_SEARCH_QUERIES * LIMIT_SEARCH_DIMENSION + 1024, /* in a body */
};

static const struct search_request defaults = {
    .query_count = 1, .k = DEFAULT_K, .prefix = "", .self = true};

/* ---- names ---- */

/* A string, which may be encoded, or an object with the name. */
static int read_name(struct search_request *request, size_t index, const struct json *node,
                     struct error *error)
{
    const char *name = NULL;
    bool encoded = json_get_bool(json_member(request->body, "encoded"), false);
    int r = object_name_read_element(node, encoded, &request->names_pool, &name);
    if (r == -ENOMEM) {
        return error_memory(error, NULL);
    }
    if (r < 0 || !name || name[0] == '\0') {
        return error_set(error, ERROR_MALFORMED, "an object must be a name, \"STORE/KEY\"");
    }
    if (strlen(name) > NAME_BYTES) {
        return error_set(error, ERROR_TOO_LARGE, "an object's name is longer than %d bytes",
                         NAME_BYTES);
    }
    request->objects[index] = name;
    return 0;
}

static int check_count(const char *name, const struct json *list, struct error *error)
{
    size_t count = json_length(list);
    if (json_type_of(list) != JSON_TYPE_ARRAY || count == 0) {
        return error_set(error, ERROR_MALFORMED, "\"%s\" must be an array of 1 to %u", name,
                         LIMIT_SEARCH_QUERIES);
    }
    return count <= LIMIT_SEARCH_QUERIES
               ? 0
               : error_set(error, ERROR_TOO_LARGE,
                           "\"%s\" has %zu: at most %u are searched at once", name, count,
                           LIMIT_SEARCH_QUERIES);
}

static int read_objects(struct search_request *request, struct error *error)
{
    request->by = SEARCH_BY_OBJECT;
    int r = request->list ? check_count("objects", request->node, error) : 0;
    if (r < 0) {
        return r;
    }
    request->query_count = request->list ? json_length(request->node) : 1;
    request->objects =
        pool_take(&request->names_pool, request->query_count * sizeof *request->objects);
    if (!request->objects) {
        return error_memory(error, NULL);
    }
    for (size_t i = 0; i < request->query_count && r == 0; i++) {
        const struct json *node = request->list ? json_element(request->node, i) : request->node;
        r = read_name(request, i, node, error);
    }
    return r;
}

/* ---- vectors ---- */

static int read_vector(const struct json *array, uint32_t dimension, float *vector,
                       struct error *error)
{
    for (uint32_t i = 0; i < dimension; i++) {
        double value = json_get_number(json_element(array, i), NAN);
        if (!(fabs(value) <= (double)FLT_MAX)) {
            return error_set(error, ERROR_MALFORMED,
                             "value %u of a vector is not a number within float32's range",
                             (unsigned)i);
        }
        vector[i] = (float)value;
    }
    return 0;
}

static int bad_vectors(struct error *error)
{
    return error_set(error, ERROR_MALFORMED,
                     "a vector must be an array of numbers, and all must have the same length");
}

static const struct json *vector_node(const struct search_request *request, size_t index)
{
    return request->list ? json_element(request->node, index) : request->node;
}

static int read_vectors(struct search_request *request, struct error *error)
{
    request->by = SEARCH_BY_VECTOR;
    int r = request->list ? check_count("vectors", request->node, error) : 0;
    if (r < 0) {
        return r;
    }
    request->query_count = request->list ? json_length(request->node) : 1;
    size_t dimension = json_length(vector_node(request, 0));
    if (dimension > LIMIT_SEARCH_DIMENSION) {
        return error_set(error, ERROR_TOO_LARGE, "a vector has %zu values: at most %u are taken",
                         dimension, LIMIT_SEARCH_DIMENSION);
    }
    for (size_t i = 0; i < request->query_count; i++) {
        const struct json *node = vector_node(request, i);
        if (json_type_of(node) != JSON_TYPE_ARRAY || json_length(node) != dimension) {
            return bad_vectors(error);
        }
    }
    if (request->query_count * dimension == 0) {
        return bad_vectors(error);
    }
    request->dimension = (uint32_t)dimension;
    request->vectors = calloc(request->query_count * dimension, sizeof *request->vectors);
    if (!request->vectors) {
        return error_memory(error, NULL);
    }
    for (size_t i = 0; i < request->query_count && r == 0; i++) {
        r = read_vector(vector_node(request, i), request->dimension,
                        request->vectors + i * dimension, error);
    }
    return r;
}

/* ---- the body ---- */

/* As in S3 Vectors: an object whose only member is named for the numbers' type. */
static int read_query_vector(struct search_request *request, struct error *error)
{
    request->node = json_member(request->node, "float32");
    return request->node ? read_vectors(request, error)
                         : error_set(error, ERROR_MALFORMED,
                                     "\"queryVector\" must have \"float32\", an array of numbers");
}

/* The one member that says what to search for. */
static int read_what(struct search_request *request, struct error *error)
{
    static const struct {
        const char *name;
        bool list;
        int (*read)(struct search_request *request, struct error *error);
    } ways[] = {{"object", false, read_objects},
                {"objects", true, read_objects},
                {"vector", false, read_vectors},
                {"queryVector", false, read_query_vector},
                {"vectors", true, read_vectors}};
    size_t found = SIZE_MAX;
    unsigned count = 0;
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        if (json_member(request->body, ways[i].name)) {
            found = i;
            count++;
        }
    }
    if (count != 1) {
        return error_set(
            error, ERROR_MALFORMED,
            "one of \"object\", \"objects\", \"vector\" and \"vectors\" is required; send "
            "an image as application/octet-stream");
    }
    request->list = ways[found].list;
    request->node = json_member(request->body, ways[found].name);
    return ways[found].read(request, error);
}

static void read_min_score(struct member_reader *in, struct search_request *request)
{
    const struct json *node = json_member(request->body, "min_score");
    if (in->r < 0 || !node || json_type_of(node) == JSON_TYPE_NULL) {
        return;
    }
    request->min_score = json_get_number(node, NAN);
    request->has_min_score = true;
    if (!isfinite(request->min_score)) {
        in->r = error_set(in->error, ERROR_MALFORMED, "\"min_score\" must be a number");
    }
}

int search_request_parse(const void *bytes, size_t size, struct search_request *ret_request,
                         struct error *error)
{
    struct search_request request = defaults;
    if (json_values_above(bytes, size, VALUES_MAX)) {
        return error_set(error, ERROR_TOO_LARGE, "the request body has more than %d values",
                         VALUES_MAX);
    }
    struct member_reader in = {.error = error};
    request.body = member_parse_body(&in, bytes, size);
    if (in.r == 0) {
        in.r = read_what(&request, error);
    }
    member_number(&in, request.body, "topK", 1, LIMIT_SEARCH_HITS, &request.k);
    member_number(&in, request.body, "k", 1, LIMIT_SEARCH_HITS, &request.k);
    member_object_name(&in, request.body, "prefix", NAME_BYTES, &request.names_pool,
                       &request.prefix);
    read_min_score(&in, &request);
    member_bool(&in, request.body, "self", &request.self);
    if (in.r < 0) {
        search_request_done(&request);
        return in.r;
    }
    *ret_request = request;
    return 0;
}

/* ---- the query ---- */

bool search_request_number(const char *text, double *ret_number)
{
    char *end = NULL;
    if (text[0] == '\0' || text[strspn(text, "+-.0123456789eE")] != '\0') {
        return false; /* strtod would also take spaces, hexadecimal, nan, inf */
    }
    *ret_number = strtod(text, &end);
    return *end == '\0' && isfinite(*ret_number);
}

int search_request_from_query(const char *(*query)(void *context, const char *name), void *context,
                              struct search_request *ret_request, struct error *error)
{
    struct search_request request = defaults;
    const char *prefix = query(context, "prefix");
    const char *min_score = query(context, "min_score");
    uint64_t k = request.k;
    struct member_reader in = {.error = error};
    request.prefix = prefix ? prefix : "";
    member_number_text(&in, "k", query(context, "topK"), 1, LIMIT_SEARCH_HITS, &k);
    member_number_text(&in, "k", query(context, "k"), 1, LIMIT_SEARCH_HITS, &k);
    request.k = (uint32_t)k;
    request.has_min_score = min_score != NULL;
    if (in.r == 0 && min_score && !search_request_number(min_score, &request.min_score)) {
        in.r = error_set(error, ERROR_MALFORMED, "\"min_score\" must be a number");
    }
    if (in.r == 0) {
        *ret_request = request;
    }
    return in.r;
}

void search_request_done(struct search_request *request)
{
    json_free(request->body);
    free(request->vectors);
    pool_done(&request->names_pool);
    *request = (struct search_request){0};
}

const char *search_request_object(const struct search_request *request, size_t index)
{
    return index < request->query_count && request->objects ? request->objects[index] : "";
}
