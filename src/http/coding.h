/* SPDX-License-Identifier: Apache-2.0
 *
 * Content codings: which one a client wants (Accept-Encoding, RFC 9110, 12.5.3), and which content
 * is worth one. Pure; any thread.
 */
#ifndef SITU_HTTP_CODING_H
#define SITU_HTTP_CODING_H

#include <stdbool.h>

/* In rising order of preference where the client has none. */
enum http_coding {
    HTTP_CODING_IDENTITY,
    HTTP_CODING_GZIP,
    HTTP_CODING_ZSTD,
    HTTP_CODING_COUNT,
};

/* What the fields said until now: a weight in thousandths for each coding, CODING_UNNAMED where it
 * was not named. */
enum { CODING_UNNAMED = -1, CODING_WEIGHT_ONE = 1000 };

struct coding_wishes {
    int weights[HTTP_CODING_COUNT];
    int others; /* `*` */
};

#define CODING_WISHES_INIT                                                                         \
    ((struct coding_wishes){{CODING_UNNAMED, CODING_UNNAMED, CODING_UNNAMED}, CODING_UNNAMED})

/* Takes one Accept-Encoding field. Of a coding named twice the first counts; one whose weight is
 * malformed is not wanted; unknown ones are passed over. */
void coding_accept(struct coding_wishes *wishes, const char *field);

/* The coding of the greatest weight, zstd before gzip before none. Without any field, none. The
 * identity is also the answer where nothing is wanted. */
enum http_coding coding_choose(const struct coding_wishes *wishes);

/* "gzip", "zstd"; NULL for the identity. */
const char *coding_name(enum http_coding coding);

/* JSON, NDJSON and text, with or without parameters. NULL is not. */
bool coding_is_worth(const char *content_type);

#endif
