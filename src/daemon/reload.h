/* SPDX-License-Identifier: Apache-2.0
 *
 * SIGHUP: the configuration is read again, and each part that can take a change while situd runs
 * takes it (the list of parts is in reload.c). No request is cut for it. What is wrong is logged;
 * situd then goes on with what it had.
 */
#ifndef SITU_DAEMON_RELOAD_H
#define SITU_DAEMON_RELOAD_H

struct api;

/* The arguments of main(): the command line goes before the file again. Main thread. */
void reload(struct api *api, int argc, char **argv);

#endif
