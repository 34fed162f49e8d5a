/* SPDX-License-Identifier: Apache-2.0
 *
 * Untrusted text for people: control bytes, which could control a terminal, become visible escapes;
 * and the width of such text. Pure, except for printing.
 */
#ifndef SITU_CLI_ESCAPE_H
#define SITU_CLI_ESCAPE_H

#include <stddef.h>
#include <stdio.h>

/* The text with control characters and bytes that are not UTF-8 as \n, \t or \xNN. The caller frees
 * it. NULL: out of memory. */
char *escape_text(const char *text);

/* Prints the same. */
void escape_print(FILE *stream, const char *text);

/* Columns of escaped text on a terminal. */
size_t escape_width(const char *escaped);

/* Quotes a field that has a comma, a quote, CR or LF, as RFC 4180 requires. On a terminal control
 * bytes are escaped, too. */
void escape_print_csv(FILE *stream, const char *text);

/* Prints a JSON string, quotes included. Outside of escape.c for tests. */
void escape_print_json(FILE *stream, const char *text);

/* `"object":"NAME"`, and `,"encoded":true` if the text differs from the name, `raw_name`. */
void escape_print_json_object(FILE *stream, const char *text, const char *raw_name);

#endif
