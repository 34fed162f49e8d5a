/* SPDX-License-Identifier: Apache-2.0
 *
 * The hits of a search as one self-contained HTML page: the query first, then the hits, with
 * thumbnails made by the array. One thread.
 */
#ifndef SITU_CLI_HTML_PAGE_H
#define SITU_CLI_HTML_PAGE_H

#include <stdbool.h>

#include "cli/cli.h"

struct html_page {
    const char *index;
    const char *query; /* name of the object or file */
    bool local;        /* the query is a file, with these bytes */
    const char *bytes;
    size_t size;
    const struct situ_hits *hits;
};

/* Writes the file, whole or not at all. 0, or an exit status after telling why. A picture that the
 * array cannot make is left out of the page. */
int html_page_write(struct cli *cli, const struct html_page *page, const char *path);

#endif
