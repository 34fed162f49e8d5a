/* SPDX-License-Identifier: Apache-2.0
 *
 * The digest of a package: SHA-256 over a prefix and, for every file in the order of the list, its
 * path and a NUL, its size as 8 bytes (little-endian), its content. Private to src/model.
 */
#ifndef SITU_MODEL_DIGEST_H
#define SITU_MODEL_DIGEST_H

#include "model/package.h"

must_check int digest_files(int root, const struct model_spec *spec,
                            uint8_t ret_digest[MODEL_DIGEST_SIZE], struct error *error);

#endif
