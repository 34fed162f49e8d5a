/* SPDX-License-Identifier: Apache-2.0
 *
 * What a search found as one page of HTML that needs nothing else: the query first, then the hits
 * with their pictures inside it, as thumbnails that the array makes. One thread.
 */
#ifndef SITU_CLI_HTML_PAGE_H
#define SITU_CLI_HTML_PAGE_H

#include <stdbool.h>

#include "cli/cli.h"

struct html_page {
    const char *index;
    const char *query; /* name of the object or of the file */
    bool local;        /* the query is a file, with these bytes */
    const char *bytes;
    size_t size;
    const struct situ_hits *hits;
};

/* Writes the file, whole or not at all. 0, or an exit status after telling why. A picture that the
 * array cannot make is left out of the page. */
int html_page_write(struct cli *cli, const struct html_page *page, const char *path);

#endif
