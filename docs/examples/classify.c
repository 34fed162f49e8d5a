/* SPDX-License-Identifier: Apache-2.0
 *
 * Classifies every photo below a prefix where it is stored: classify [ADDRESS [MODEL [PREFIX]]].
 * Build: cc classify.c $(pkg-config --cflags --libs situ)
 */
#include <situ.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    struct situ *array;
    struct situ_results *results;
    const struct situ_result *r;
    struct situ_error error = {.message = ""};

    situ_open(argc > 1 ? argv[1] : NULL, NULL, &array, &error);
    situ_run(array, argc > 2 ? argv[2] : "resnet50", argc > 3 ? argv[3] : "photos/2024/", NULL,
             &results, &error);
    while (situ_next(results, &r, &error) > 0) {
        printf("%s\t%s\t%.3f\n", r->object, r->classes[0].label, r->classes[0].score);
    }
    situ_results_free(results);
    situ_close(array);

    if (error.message[0]) {
        fprintf(stderr, "classify: %s\n", error.message);
    }
    return error.message[0] ? 1 : 0;
}
