/* SPDX-License-Identifier: Apache-2.0
 *
 * The memory of a canvas, the views of a scene, and the loop that paints: for each pixel of a box
 * it calls the shader and blends.
 */
#include "draw_canvas.h"

#include <errno.h>
#include <stdlib.h>

int canvas_init(struct canvas *canvas, int width, int height)
{
    if (width < 1 || height < 1 || width > CANVAS_EDGE_MAX || height > CANVAS_EDGE_MAX) {
        return -EINVAL;
    }
    int short_edge = width < height ? width : height;

    *canvas = (struct canvas){
        .width = width,
        .height = height,
        .pixel = 2.0F / (float)short_edge,
        .half_width = (float)width / (float)short_edge,
        .half_height = (float)height / (float)short_edge,
        .colors = calloc((size_t)width * (size_t)height, sizeof(struct color)),
    };
    return canvas->colors ? 0 : -ENOMEM;
}

void canvas_done(struct canvas *canvas)
{
    free(canvas->colors);
    *canvas = (struct canvas){0};
}

struct view view_make(float angle, float zoom, float shift_x, float shift_y)
{
    return (struct view){
        .cosine = cosf(angle),
        .sine = sinf(angle),
        .zoom = zoom,
        .shift_x = shift_x,
        .shift_y = shift_y,
    };
}

void view_place(const struct view *view, float x, float y, float *ret_x, float *ret_y)
{
    *ret_x = view->zoom * (view->cosine * x - view->sine * y) + view->shift_x;
    *ret_y = view->zoom * (view->sine * x + view->cosine * y) + view->shift_y;
}

struct box view_box(const struct view *view, const struct canvas *canvas)
{
    float c = fabsf(view->cosine);
    float s = fabsf(view->sine);
    float reach_x = view->zoom * (c * canvas->half_width + s * canvas->half_height);
    float reach_y = view->zoom * (s * canvas->half_width + c * canvas->half_height);

    return (struct box){view->shift_x - reach_x, view->shift_y - reach_y, view->shift_x + reach_x,
                        view->shift_y + reach_y};
}

static int clamp_index(float position, int count)
{
    if (position < 0.0F) {
        return 0;
    }
    return position > (float)count ? count : (int)position;
}

/* The rows and columns of the canvas that hold a box of the scene. */
static void box_pixels(const struct canvas *canvas, const struct view *view, const struct box *box,
                       int ret_range[4])
{
    float centre_x = (box->left + box->right) / 2.0F - view->shift_x;
    float centre_y = (box->top + box->bottom) / 2.0F - view->shift_y;
    float half_x = (box->right - box->left) / 2.0F;
    float half_y = (box->bottom - box->top) / 2.0F;
    float c = view->cosine / view->zoom;
    float s = view->sine / view->zoom;
    float x = c * centre_x + s * centre_y + canvas->half_width;
    float y = c * centre_y - s * centre_x + canvas->half_height;
    float reach_x = fabsf(c) * half_x + fabsf(s) * half_y + canvas->pixel;
    float reach_y = fabsf(s) * half_x + fabsf(c) * half_y + canvas->pixel;

    ret_range[0] = clamp_index((x - reach_x) / canvas->pixel, canvas->width);
    ret_range[1] = clamp_index((x + reach_x) / canvas->pixel + 1.0F, canvas->width);
    ret_range[2] = clamp_index((y - reach_y) / canvas->pixel, canvas->height);
    ret_range[3] = clamp_index((y + reach_y) / canvas->pixel + 1.0F, canvas->height);
}

void canvas_paint(struct canvas *canvas, const struct view *view, const struct box *box,
                  canvas_shader shader, const void *scene)
{
    int range[4] = {0, canvas->width, 0, canvas->height};

    if (box) {
        box_pixels(canvas, view, box, range);
    }
    for (int row = range[2]; row < range[3]; row++) {
        float y = ((float)row + 0.5F) * canvas->pixel - canvas->half_height;
        struct color *out = canvas->colors + (size_t)row * (size_t)canvas->width;

        for (int column = range[0]; column < range[1]; column++) {
            float x = ((float)column + 0.5F) * canvas->pixel - canvas->half_width;
            float scene_x;
            float scene_y;

            view_place(view, x, y, &scene_x, &scene_y);
            struct paint paint = shader(scene, scene_x, scene_y);
            if (paint.cover > 0.0F) {
                out[column] = color_mix(out[column], paint.color, paint.cover);
            }
        }
    }
}
