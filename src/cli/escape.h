/* SPDX-License-Identifier: Apache-2.0
 *
 * Foreign text for people: control bytes, which could steer a terminal, become visible escapes, and
 * the width on the screen is known. Pure but for the printing.
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

/* Quotes a field as RFC 4180 asks: where it holds a comma, a quote, CR or LF. On a terminal what
 * could steer it is escaped, too. */
void csv_print(FILE *stream, const char *text);

/* Prints a JSON string, quotes included. */
void json_print(FILE *stream, const char *text);

/* `"object":"NAME"`, and `,"encoded":true` where the text is not the name itself, `raw_name`. */
void json_print_object(FILE *stream, const char *text, const char *raw_name);

#endif
