/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes that must stay as they are: formats on disk that older and newer versions of situ share.
 * Each is a file of hexadecimal lines, or of text, in tests/golden. To record a format that was
 * changed on purpose, set SITU_GOLDEN_WRITE=1, and check the difference before committing it.
 */
#ifndef SITU_TESTS_GOLDEN_H
#define SITU_TESTS_GOLDEN_H

#include <stddef.h>

/* Fails the test if `bytes` differ from tests/golden/NAME. */
void golden_check_bytes(const char *name, const void *bytes, size_t size);
void golden_check_text(const char *name, const char *text, size_t size);

#endif
