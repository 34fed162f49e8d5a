/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes JPEG files of kinds that Pillow cannot write, for the tests of the decoder:
 *
 *   encode_jpeg WIDTH HEIGHT SPACE [OPTION]... < samples > file
 *
 * SPACE is grey, rgb (stored as YCbCr), raw-rgb (stored as RGB), cmyk or ycck; samples are rows of
 * 1, 3 or 4 bytes a pixel. Options: quality=N, sampling=HxV (of the first component; the others,
 * but the fourth, are 1x1), restart=MCUS, progressive, arithmetic, separate (a scan for each
 * component), dc-only and coarse (progressive, ending early: block smoothing), no-markers (neither
 * JFIF nor Adobe), scans=N (progressive, a DC scan and then the same AC scan N - 1 times).
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

enum { SCANS_MAX = 200 };

struct space {
    const char *name;
    J_COLOR_SPACE in;
    J_COLOR_SPACE stored;
    int components;
};

static const struct space spaces[] = {
    {"grey", JCS_GRAYSCALE, JCS_GRAYSCALE, 1}, {"rgb", JCS_RGB, JCS_YCbCr, 3},
    {"raw-rgb", JCS_RGB, JCS_RGB, 3},          {"cmyk", JCS_CMYK, JCS_CMYK, 4},
    {"ycck", JCS_CMYK, JCS_YCCK, 4},
};

static const struct space *find_space(const char *name)
{
    for (unsigned i = 0; i < sizeof(spaces) / sizeof(spaces[0]); i++) {
        if (strcmp(spaces[i].name, name) == 0) {
            return &spaces[i];
        }
    }
    return NULL;
}

static jpeg_scan_info scan_of(int component, int begin, int end, int high, int low)
{
    return (jpeg_scan_info){.comps_in_scan = 1,
                            .component_index = {component},
                            .Ss = begin,
                            .Se = end,
                            .Ah = high,
                            .Al = low};
}

/* `scans` has room for SCANS_MAX. */
static int script_early(jpeg_scan_info *scans, int components, bool dc_only)
{
    int count = 0;
    for (int i = 0; i < components; i++) {
        scans[count++] = scan_of(i, 0, 0, 0, 1);
    }
    for (int i = 0; i < components && !dc_only; i++) {
        scans[count++] = scan_of(i, 1, 5, 0, 2);
    }
    return count;
}

static int script_separate(jpeg_scan_info *scans, int components)
{
    for (int i = 0; i < components; i++) {
        scans[i] = scan_of(i, 0, 63, 0, 0);
    }
    return components;
}

/* An AC band of one coefficient at a time, then refined as often as allowed, and again. */
static int script_many(jpeg_scan_info *scans, int wanted)
{
    int count = 0;
    scans[count++] = scan_of(0, 0, 0, 0, 0);
    for (int k = 1; k < 64 && count < wanted; k++) {
        for (int low = 3; low >= 0 && count < wanted; low--) {
            scans[count++] = scan_of(0, k, k, low == 3 ? 0 : low + 1, low);
        }
    }
    return count;
}

static bool apply(struct jpeg_compress_struct *cinfo, const char *option, jpeg_scan_info *scans)
{
    int number = 0;
    int other = 0;
    int count = 0;
    if (sscanf(option, "quality=%d", &number) == 1) {
        jpeg_set_quality(cinfo, number, FALSE);
    } else if (sscanf(option, "sampling=%dx%d", &number, &other) == 2) {
        cinfo->comp_info[0].h_samp_factor = number;
        cinfo->comp_info[0].v_samp_factor = other;
        if (cinfo->num_components == 4) {
            cinfo->comp_info[3].h_samp_factor = number;
            cinfo->comp_info[3].v_samp_factor = other;
        }
    } else if (sscanf(option, "restart=%d", &number) == 1) {
        cinfo->restart_interval = (unsigned)number;
    } else if (sscanf(option, "scans=%d", &number) == 1 && number < SCANS_MAX) {
        count = script_many(scans, number);
    } else if (strcmp(option, "progressive") == 0) {
        jpeg_simple_progression(cinfo);
    } else if (strcmp(option, "arithmetic") == 0) {
        cinfo->arith_code = TRUE;
    } else if (strcmp(option, "separate") == 0) {
        count = script_separate(scans, cinfo->num_components);
    } else if (strcmp(option, "dc-only") == 0 || strcmp(option, "coarse") == 0) {
        count = script_early(scans, cinfo->num_components, option[0] == 'd');
    } else if (strcmp(option, "no-markers") == 0) {
        cinfo->write_JFIF_header = FALSE;
        cinfo->write_Adobe_marker = FALSE;
    } else {
        return false;
    }
    if (count > 0) {
        cinfo->scan_info = scans;
        cinfo->num_scans = count;
    }
    return true;
}

static void write_rows(struct jpeg_compress_struct *cinfo, const struct space *space)
{
    size_t size = (size_t)cinfo->image_width * (size_t)space->components;
    JSAMPLE *row = malloc(size);
    jpeg_start_compress(cinfo, TRUE);
    while (row && cinfo->next_scanline < cinfo->image_height &&
           fread(row, 1, size, stdin) == size) {
        (void)jpeg_write_scanlines(cinfo, &row, 1);
    }
    jpeg_finish_compress(cinfo);
    free(row);
}

int main(int argc, char **argv)
{
    const struct space *space = argc >= 4 ? find_space(argv[3]) : NULL;
    if (!space) {
        (void)fprintf(stderr, "usage: encode_jpeg WIDTH HEIGHT SPACE [OPTION]...\n");
        return EXIT_FAILURE;
    }
    struct jpeg_compress_struct cinfo = {0};
    struct jpeg_error_mgr errors;
    jpeg_scan_info scans[SCANS_MAX] = {0};
    cinfo.err = jpeg_std_error(&errors); /* prints and exits */
    jpeg_create_compress(&cinfo);
    jpeg_stdio_dest(&cinfo, stdout);
    cinfo.image_width = (JDIMENSION)strtoul(argv[1], NULL, 10);
    cinfo.image_height = (JDIMENSION)strtoul(argv[2], NULL, 10);
    cinfo.input_components = space->components;
    cinfo.in_color_space = space->in;
    jpeg_set_defaults(&cinfo);
    jpeg_set_colorspace(&cinfo, space->stored);
    for (int i = 4; i < argc; i++) {
        if (!apply(&cinfo, argv[i], scans)) {
            (void)fprintf(stderr, "encode_jpeg: option '%s' not known\n", argv[i]);
            return EXIT_FAILURE;
        }
    }
    write_rows(&cinfo, space);
    jpeg_destroy_compress(&cinfo);
    return EXIT_SUCCESS;
}
