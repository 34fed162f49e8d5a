/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether bytes are UTF-8, as RFC 3629 has it: no overlong forms, no surrogates, nothing above
 * U+10FFFF. Pure; any thread.
 */
#ifndef SITU_BASE_UTF8_H
#define SITU_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

bool utf8_valid(const char *bytes, size_t size);

/* Puts a question mark in place of every byte of a text that belongs to no well-formed sequence. */
void utf8_clean(char *text);

/* The length of the character that begins at `bytes`, with `left` bytes there, at least one; 0
 * where none begins. */
size_t utf8_length(const char *bytes, size_t left);

#endif
