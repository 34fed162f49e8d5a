/* SPDX-License-Identifier: Apache-2.0
 *
 * Content codings: which one a client accepts (Accept-Encoding, RFC 9110, 12.5.3), and for which
 * content one is worthwhile. Pure; any thread.
 */
#ifndef SITU_HTTP_CODING_H
#define SITU_HTTP_CODING_H

#include <stdbool.h>

/* In ascending order of preference if the client has none. */
enum http_coding {
    HTTP_CODING_IDENTITY,
    HTTP_CODING_GZIP,
    HTTP_CODING_ZSTD,
    HTTP_CODING_COUNT,
};

/* The weights of the fields read so far: thousandths for each coding, CODING_UNNAMED if it was not
 * named. */
enum { CODING_UNNAMED = -1, CODING_WEIGHT_ONE = 1000 };

struct coding_wishes {
    int weights[HTTP_CODING_COUNT];
    int others; /* `*` */
};

#define CODING_WISHES_INIT                                                                         \
    ((struct coding_wishes){{CODING_UNNAMED, CODING_UNNAMED, CODING_UNNAMED}, CODING_UNNAMED})

/* Reads one Accept-Encoding field. If a coding is named twice, the first counts; one with a
 * malformed weight is not accepted; unknown ones are ignored. */
void coding_accept(struct coding_wishes *wishes, const char *field);

/* The coding with the greatest weight, zstd before gzip before none. Without any field, none. The
 * identity is also the result if nothing is acceptable. */
enum http_coding coding_choose(const struct coding_wishes *wishes);

/* "gzip", "zstd"; NULL for the identity. */
const char *coding_name(enum http_coding coding);

/* True for JSON, NDJSON and text, with or without parameters; false for NULL. */
bool coding_is_worth(const char *content_type);

#endif
