/* SPDX-License-Identifier: Apache-2.0
 *
 * SIGHUP: reads the configuration again and passes it to each part that accepts changes while situd
 * runs (reload.c has the list). No request is aborted. Errors are logged; situd then keeps its
 * previous settings.
 */
#ifndef SITU_DAEMON_RELOAD_H
#define SITU_DAEMON_RELOAD_H

struct api;

/* Takes the arguments of main(): the command line overrides the file, as at the start. Main thread.
 */
void reload(struct api *api, int argc, char **argv);

#endif
