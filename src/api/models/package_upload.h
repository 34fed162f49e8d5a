/* SPDX-License-Identifier: Apache-2.0
 *
 * Receives a package into the state directory: unpacked from a tar stream, or copied from the
 * import root, into a directory of its own that becomes a model or is removed.
 */
#ifndef SITU_API_MODELS_PACKAGE_UPLOAD_H
#define SITU_API_MODELS_PACKAGE_UPLOAD_H

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "infer/tasks.h"

struct package_upload;

/* Takes over `directory`, which must exist and be empty; it is removed with the upload unless
 * package_upload_take() was called. `tasks` is borrowed. */
must_check int package_upload_new(char *directory, uint64_t limit_bytes, struct tasks *tasks,
                                  struct package_upload **ret_upload);
/* NULL is fine. May be called on a listener's thread: a task removes the files. */
void package_upload_free(struct package_upload *upload);

/* Unpacks a piece of the tar; after an error all further ones fail with it. */
must_check int package_upload_feed(struct package_upload *upload, const void *bytes, size_t size);

/* The end of the tar: 0, or the first error in it. */
must_check int package_upload_finish(struct package_upload *upload, struct error *error);

/* Instead of a tar: copies the files of a package beneath `root`. */
must_check int package_upload_copy(struct package_upload *upload, const char *root,
                                   const char *path, struct error *error);

/* Writes the preset into the package's situ.json. */
must_check int package_upload_preset(struct package_upload *upload, const char *preset,
                                     struct error *error);

/* Syncs all files and directories to the disk, before the package is renamed into place. */
must_check int package_upload_sync(struct package_upload *upload, struct error *error);

const char *package_upload_directory(const struct package_upload *upload);
void package_upload_take(
    struct package_upload *upload); /* it is a model now: keeps the directory */

#endif
