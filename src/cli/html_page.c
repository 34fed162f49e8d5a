/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing the page. Names are untrusted text: control bytes are escaped, and nothing in them is
 * markup. The page's policy allows no scripts and no external content.
 */
#include "cli/html_page.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base64.h"
#include "cli/escape.h"

enum {
    EDGE = 192,               /* pixels of a thumbnail */
    QUERY_BYTES_MAX = 1 << 20 /* a larger file is not shown */
};

static const char head[] =
    "<!doctype html>\n"
    "<html lang=\"en\">\n"
    "<head>\n"
    "<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta http-equiv=\"Content-Security-Policy\"\n"
    " content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">\n"
    "<style>\n"
    ":root { color-scheme: light dark; --ground: #fff; --card: #f3f4f6; --text: #1b1f24;\n"
    "  --quiet: #5b6470; --mark: #0b62c4; }\n"
    "@media (prefers-color-scheme: dark) {\n"
    "  :root { --ground: #14171a; --card: #20252a; --text: #e6e9ec; --quiet: #9aa4af;\n"
    "    --mark: #6cb0ff; } }\n"
    "body { margin: 0 auto; max-width: 72rem; padding: 1.5rem; background: var(--ground);\n"
    "  color: var(--text); font: 16px/1.45 system-ui, sans-serif; }\n"
    "h1 { font-size: 1.25rem; margin: 0 0 1rem; }\n"
    "ol { display: grid; grid-template-columns: repeat(auto-fill, minmax(12.5rem, 1fr));\n"
    "  gap: 1rem; margin: 1.5rem 0 0; padding: 0; list-style: none; }\n"
    "figure { margin: 0; padding: .75rem; background: var(--card); border-radius: .5rem; }\n"
    ".query { display: inline-block; max-width: 14rem; outline: 2px solid var(--mark); }\n"
    "img, .none { display: block; width: 100%; height: 12rem; object-fit: contain; }\n"
    ".none { color: var(--quiet); text-align: center; line-height: 12rem; }\n"
    "figcaption { margin-top: .5rem; overflow-wrap: anywhere; font-size: .875rem; }\n"
    ".score { color: var(--quiet); font-variant-numeric: tabular-nums; }\n"
    "footer { margin-top: 2rem; color: var(--quiet); font-size: .8125rem; }\n"
    "</style>\n";

/* Writes any bytes as HTML text. */
static void put_text(FILE *out, const char *text)
{
    char *escaped = escape_text(text);
    for (const char *c = escaped ? escaped : "?"; *c; c++) {
        switch (*c) {
        case '&':
            (void)fputs("&amp;", out);
            break;
        case '<':
            (void)fputs("&lt;", out);
            break;
        case '>':
            (void)fputs("&gt;", out);
            break;
        case '"':
            (void)fputs("&quot;", out);
            break;
        case '\'':
            (void)fputs("&#39;", out);
            break;
        default:
            (void)fputc(*c, out);
            break;
        }
    }
    free(escaped);
}

/* The image subtype of the bytes; NULL: not one that the page shows. */
static const char *kind_of(const char *bytes, size_t size)
{
    if (size > 3 && memcmp(bytes, "\xff\xd8\xff", 3) == 0) {
        return "jpeg";
    }
    if (size > 8 && memcmp(bytes, "\x89PNG\r\n\x1a\n", 8) == 0) {
        return "png";
    }
    bool webp = size > 12 && memcmp(bytes, "RIFF", 4) == 0 && memcmp(bytes + 8, "WEBP", 4) == 0;
    return webp ? "webp" : NULL;
}

static void put_image(FILE *out, const char *name, const char *bytes, size_t size)
{
    cleanup_buffer struct buffer text = BUFFER_INIT;
    const char *kind = bytes ? kind_of(bytes, size) : NULL;
    if (kind) {
        base64_write(&text, bytes, size);
    }
    if (text.size == 0 || buffer_ok(&text)) {
        (void)fputs("<div class=\"none\">no picture</div>", out);
        return;
    }
    (void)fputs("<img alt=\"", out);
    put_text(out, name);
    (void)fprintf(out, "\" src=\"data:image/%s;base64,", kind);
    (void)fwrite(text.data, 1, text.size, out);
    (void)fputs("\">", out);
}

/* A fault that the next thumbnail would have, too. */
static bool is_about_array(int code)
{
    return code == SITU_UNREACHABLE || code == SITU_UNAUTHORIZED || code == SITU_MEMORY;
}

/* 0, or an exit status after a message. */
static int put_stored(FILE *out, struct cli *cli, const char *object)
{
    struct situ_error error;
    void *bytes = NULL;
    size_t size = 0;
    if (situ_thumbnail(cli->array, object, EDGE, &bytes, &size, &error) &&
        is_about_array(error.code)) {
        (void)cli_say_error(cli, &error);
        return STATUS_SOME_FAILED;
    }
    put_image(out, object, bytes, size);
    free(bytes);
    return 0;
}

static int put_query(FILE *out, struct cli *cli, const struct html_page *page)
{
    int status = 0;
    (void)fputs("<figure class=\"query\">", out);
    if (page->local) {
        put_image(out, page->query, page->size > QUERY_BYTES_MAX ? NULL : page->bytes, page->size);
    } else {
        status = put_stored(out, cli, page->query);
    }
    (void)fputs("<figcaption>", out);
    put_text(out, page->query);
    (void)fputs("</figcaption></figure>\n", out);
    return status;
}

static int put_hits(FILE *out, struct cli *cli, const struct html_page *page)
{
    int status = 0;
    (void)fputs("<ol>\n", out);
    for (size_t i = 0; i < page->hits->count && status == 0; i++) {
        const struct situ_hit *hit = &page->hits->hits[i];
        (void)fputs("<li><figure>", out);
        status = put_stored(out, cli, situ_hit_raw_name(page->hits, i));
        (void)fputs("<figcaption>", out);
        put_text(out, hit->object);
        (void)fprintf(out, "<br><span class=\"score\">%zu &middot; %.4f</span>", i + 1, hit->score);
        (void)fputs("</figcaption></figure></li>\n", out);
    }
    (void)fputs("</ol>\n", out);
    return status;
}

static int put_page(FILE *out, struct cli *cli, const struct html_page *page)
{
    (void)fputs(head, out);
    (void)fputs("<title>Like ", out);
    put_text(out, page->query);
    (void)fputs("</title>\n</head>\n<body>\n<h1>Like this one, in ", out);
    put_text(out, page->index);
    (void)fputs("</h1>\n", out);
    int status = put_query(out, cli, page);
    if (status == 0) {
        status = put_hits(out, cli, page);
    }
    (void)fprintf(out, "<footer>%zu found by situ %s. Rank and score.</footer>\n</body>\n</html>\n",
                  page->hits->count, situ_version());
    return status;
}

static int fail(const char *path, int errnum)
{
    char text[128] = "";
    cli_say("cannot write '%s': %s", path, strerror_r(errnum, text, sizeof text));
    return STATUS_NOTHING;
}

int html_page_write(struct cli *cli, const struct html_page *page, const char *path)
{
    char part[4096];
    int length = snprintf(part, sizeof part, "%s.part", path);
    if (length < 0 || (size_t)length >= sizeof part) {
        return fail(path, ENAMETOOLONG);
    }
    FILE *out = fopen(part, "we");
    if (!out) {
        return fail(part, errno);
    }
    int status = put_page(out, cli, page);
    int errnum = ferror(out) ? EIO : 0;
    if (fclose(out) != 0) {
        errnum = errno;
    }
    if (status == 0 && errnum == 0 && rename(part, path) != 0) {
        errnum = errno;
    }
    if (status != 0 || errnum != 0) {
        (void)unlink(part);
    }
    return status == 0 && errnum != 0 ? fail(path, errnum) : status;
}
