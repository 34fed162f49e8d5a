/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether bytes are UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.
 * Pure; any thread.
 */
#ifndef SITU_BASE_UTF8_H
#define SITU_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

bool utf8_valid(const char *bytes, size_t size);

/* Replaces every byte that is not part of a well-formed sequence with a question mark. */
void utf8_clean(char *text);

/* The length of the character that begins at `bytes`, of which `left` bytes are there, at least
 * one; 0 if none begins. */
size_t utf8_length(const char *bytes, size_t left);

#endif
