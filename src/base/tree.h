/* SPDX-License-Identifier: Apache-2.0
 *
 * Directory trees. Any thread.
 */
#ifndef SITU_BASE_TREE_H
#define SITU_BASE_TREE_H

/* Removes a directory and everything in it, at any depth. Links are removed, not followed. What
 * cannot be removed stays, without an error: callers try again at the next start. */
void tree_remove(const char *path);

#endif
