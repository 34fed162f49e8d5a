/* SPDX-License-Identifier: Apache-2.0
 *
 * Results as a table, as CSV and as JSON lines.
 */
#include "cli/sink.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/escape.h"
#include "cli/local_file.h"

enum { SHOWN_VALUES = 4 };

bool sink_format_parse(const char *word, enum sink_format *ret_format)
{
    static const char *const words[] = {
        [SINK_TABLE] = "table", [SINK_JSONL] = "jsonl", [SINK_CSV] = "csv", [SINK_NPY] = "npy"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i], word) == 0) {
            *ret_format = (enum sink_format)i;
            return true;
        }
    }
    return false;
}

void sink_init(struct sink *sink, enum sink_format format, uint32_t top, struct progress *progress)
{
    *sink = (struct sink){.format = format, .top = top, .progress = progress};
}

static enum sink_kind kind_of(const struct situ_result *result)
{
    if (result->embedding) {
        return SINK_EMBEDDINGS;
    }
    return result->outputs ? SINK_OUTPUTS : SINK_CLASSES;
}

/* ---- Table ----------------------------------------------------------------------------------- */

static void open_table(struct sink *sink)
{
    size_t columns = sink->kind == SINK_CLASSES ? 1 + 2 * (size_t)sink->top : 4;
    sink->lost |= columns_init(&sink->table, stdout, columns) != 0;
    sink->table_open = true;
    columns_cell(&sink->table, "OBJECT");
    if (sink->kind == SINK_CLASSES) {
        for (uint32_t i = 0; i < sink->top; i++) {
            columns_cell(&sink->table, "LABEL");
            columns_cell_number(&sink->table, "SCORE");
        }
        return;
    }
    bool embeddings = sink->kind == SINK_EMBEDDINGS;
    columns_cell(&sink->table, embeddings ? "DIMENSION" : "OUTPUT");
    columns_cell(&sink->table, embeddings ? "NORM" : "TYPE");
    columns_cell(&sink->table, "VALUES");
}

static void table_classes(struct sink *sink, const struct situ_result *result)
{
    char text[32];
    columns_cell(&sink->table, result->object);
    for (size_t i = 0; i < sink->top; i++) {
        if (i >= result->class_count) {
            columns_cell(&sink->table, "");
            columns_cell_number(&sink->table, "");
            continue;
        }
        const struct situ_class *class = &result->classes[i];
        (void)snprintf(text, sizeof text, "%" PRIu32, class->index);
        columns_cell(&sink->table, class->label[0] ? class->label : text);
        (void)snprintf(text, sizeof text, "%.4f", (double)class->score);
        columns_cell_number(&sink->table, text);
    }
}

static void table_embedding(struct sink *sink, const struct situ_result *result)
{
    char text[SHOWN_VALUES * 24 + 8] = "";
    double squares = 0;
    for (size_t i = 0; i < result->embedding_size; i++) {
        squares += (double)result->embedding[i] * (double)result->embedding[i];
    }
    columns_cell(&sink->table, result->object);
    (void)snprintf(text, sizeof text, "%zu", result->embedding_size);
    columns_cell_number(&sink->table, text);
    (void)snprintf(text, sizeof text, "%.4f", sqrt(squares));
    columns_cell_number(&sink->table, text);
    size_t used = 0;
    for (size_t i = 0; i < result->embedding_size && i < SHOWN_VALUES; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%.4f", i > 0 ? " " : "",
                                 (double)result->embedding[i]);
    }
    (void)snprintf(text + used, sizeof text - used, "%s",
                   result->embedding_size > SHOWN_VALUES ? " ..." : "");
    columns_cell(&sink->table, text);
}

/* The next string of a tensor of BYTES, where each follows its length in four bytes; the caller
 * frees the copy. NULL at the end. */
static char *next_string(const struct situ_tensor *tensor, size_t *at)
{
    const unsigned char *bytes = (const unsigned char *)tensor->data + *at;
    size_t left = tensor->size_bytes - *at;
    size_t size = left < 4 ? 0
                           : (size_t)bytes[0] | (size_t)bytes[1] << 8 | (size_t)bytes[2] << 16 |
                                 (size_t)bytes[3] << 24;
    if (left < 4 || size > left - 4) {
        return NULL;
    }
    *at += 4 + size;
    return strndup((const char *)bytes + 4, size);
}

static bool has_strings(const struct situ_tensor *tensor)
{
    return strcmp(tensor->datatype, "BYTES") == 0;
}

static void show_strings(const struct situ_tensor *tensor, char *text, size_t room)
{
    size_t at = 0;
    size_t used = 0;
    for (size_t i = 0; i < SHOWN_VALUES; i++) {
        char *string = next_string(tensor, &at);
        if (!string || strlen(string) + 2 > room - used) {
            free(string);
            break;
        }
        used += (size_t)snprintf(text + used, room - used, "%s%s", i > 0 ? " " : "", string);
        free(string);
    }
}

static void csv_strings(const char *object, const struct situ_tensor *tensor)
{
    size_t at = 0;
    char *string = NULL;
    for (size_t k = 0; k < tensor->count && (string = next_string(tensor, &at)); k++) {
        escape_print_csv(stdout, object);
        (void)putchar(',');
        escape_print_csv(stdout, tensor->name);
        (void)printf(",%zu,", k);
        escape_print_csv(stdout, string);
        (void)putchar('\n');
        free(string);
    }
}

static void table_output(struct sink *sink, const char *object, const struct situ_tensor *tensor)
{
    char text[256];
    columns_cell(&sink->table, object);
    columns_cell(&sink->table, tensor->name);
    size_t used = (size_t)snprintf(text, sizeof text, "%.16s[", tensor->datatype);
    for (uint32_t d = 0; d < tensor->rank && used < sizeof text - 32; d++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%" PRId64, d > 0 ? "," : "",
                                 tensor->dims[d]);
    }
    (void)snprintf(text + used, sizeof text - used, "]");
    columns_cell(&sink->table, text);
    used = 0;
    text[0] = '\0';
    for (size_t i = 0; !has_strings(tensor) && i < tensor->count && i < SHOWN_VALUES; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%.6g", i > 0 ? " " : "",
                                 situ_tensor_value(tensor, i));
    }
    if (has_strings(tensor)) {
        show_strings(tensor, text, sizeof text - sizeof " ...");
        used = strlen(text);
    }
    (void)snprintf(text + used, sizeof text - used, "%s",
                   tensor->count > SHOWN_VALUES ? " ..." : "");
    columns_cell(&sink->table, text);
}

static void give_table(struct sink *sink, const struct situ_result *result)
{
    enum sink_kind kind = kind_of(result);
    if (sink->table_open && kind != sink->kind) {
        sink->lost |= columns_done(&sink->table) != 0;
        sink->table_open = false;
    }
    sink->kind = kind;
    if (!sink->table_open) {
        open_table(sink);
    }
    if (kind == SINK_CLASSES) {
        table_classes(sink, result);
    } else if (kind == SINK_EMBEDDINGS) {
        table_embedding(sink, result);
    }
    for (size_t i = 0; i < result->output_count; i++) {
        table_output(sink, result->object, &result->outputs[i]);
    }
    if (columns_due(&sink->table)) {
        progress_clear(sink->progress);
        columns_print(&sink->table);
    }
}

/* ---- CSV ------------------------------------------------------------------------------------- */

static void csv_header(struct sink *sink, const struct situ_result *result)
{
    sink->kind = kind_of(result);
    switch (sink->kind) {
    case SINK_CLASSES:
        (void)puts("object,rank,index,label,score");
        break;
    case SINK_OUTPUTS:
        (void)puts("object,output,position,value");
        break;
    default:
        (void)fputs("object", stdout);
        for (size_t i = 0; i < result->embedding_size; i++) {
            (void)printf(",%zu", i);
        }
        (void)putchar('\n');
        break;
    }
}

static void give_csv(struct sink *sink, const struct situ_result *result)
{
    if (sink->kind == SINK_NOTHING) {
        csv_header(sink, result);
    }
    for (size_t i = 0; i < result->class_count; i++) {
        const struct situ_class *class = &result->classes[i];
        escape_print_csv(stdout, result->object);
        (void)printf(",%zu,%" PRIu32 ",", i + 1, class->index);
        escape_print_csv(stdout, class->label);
        (void)printf(",%.6g\n", (double)class->score);
    }
    for (size_t i = 0; i < result->output_count; i++) {
        const struct situ_tensor *tensor = &result->outputs[i];
        if (has_strings(tensor)) {
            csv_strings(result->object, tensor);
            continue;
        }
        for (size_t k = 0; k < tensor->count; k++) {
            escape_print_csv(stdout, result->object);
            (void)putchar(',');
            escape_print_csv(stdout, tensor->name);
            (void)printf(",%zu,%.9g\n", k, situ_tensor_value(tensor, k));
        }
    }
    if (result->embedding) {
        escape_print_csv(stdout, result->object);
        for (size_t i = 0; i < result->embedding_size; i++) {
            (void)printf(",%.9g", (double)result->embedding[i]);
        }
        (void)putchar('\n');
    }
}

/* ---- NumPy ----------------------------------------------------------------------------------- */

static void give_npy(struct sink *sink, const struct situ_result *result)
{
    if (sink->broken) {
        return;
    }
    const char *why = NULL;
    if (!result->embedding) {
        why = "the model gives no embeddings: --format npy takes nothing else";
        sink->unfit = true;
    } else if (npy_writer_add(&sink->npy, situ_result_raw_name(result), result->embedding,
                              result->embedding_size)) {
        why = sink->npy.fault;
    }
    if (why) {
        progress_clear(sink->progress);
        cli_say("%s", why);
        sink->broken = true;
    }
}

int sink_open_file(struct sink *sink, const char *path, int delimiter)
{
    int r = npy_writer_open(&sink->npy, path, delimiter);
    if (r) {
        cli_say("%s", sink->npy.fault);
        (void)npy_writer_close(&sink->npy, false);
    }
    return r;
}

static int close_npy(struct sink *sink, bool whole)
{
    uint64_t rows = sink->npy.count;
    whole = whole && !sink->broken;
    int r = npy_writer_close(&sink->npy, whole);
    if (r && !sink->broken) {
        cli_say("%s", sink->npy.fault);
    } else if (!whole && rows > 0) {
        cli_say("the %" PRIu64 " embeddings that came stand in the files with .part behind their "
                "names",
                rows);
    }
    return sink->broken ? -EIO : r;
}

/* ---- All ------------------------------------------------------------------------------------- */

static void give_json(struct sink *sink, const struct situ_result *result)
{
    char *text = NULL;
    if (situ_result_json(result, &text)) {
        sink->lost = true;
        return;
    }
    (void)puts(text);
    free(text);
}

/* An object that is gone has no row in a table of results. */
static void give_gone(struct sink *sink, const struct situ_result *result)
{
    progress_clear(sink->progress);
    if (sink->format == SINK_JSONL) {
        give_json(sink, result);
    } else {
        cli_say("%s: gone", result->object);
    }
}

/* A failure, with a hint if there is one. */
static void tell_failure(struct sink *sink, const struct situ_result *result)
{
    progress_clear(sink->progress);
    if (result->code == SITU_UNFIT && strstr(result->message, "is a directory")) {
        cli_say("%s is a directory: %s/", result->object, result->object);
        return;
    }
    cli_say("%s: %s", result->object, result->message);
    if (sink->names_may_be_files && result->code == SITU_NOT_FOUND &&
        local_file_exists(situ_result_raw_name(result))) {
        cli_say("there is a file '%s' on this machine: --upload infers it", result->object);
        sink->names_may_be_files = false; /* reported once */
    }
}

void sink_give(struct sink *sink, const struct situ_result *result)
{
    if (result->gone) {
        give_gone(sink, result);
        return;
    }
    if (result->code != SITU_OK) {
        tell_failure(sink, result);
    }
    if (sink->format == SINK_JSONL) {
        if (sink->progress->drawn) {
            progress_clear(sink->progress);
        }
        give_json(sink, result);
    } else if (result->code != SITU_OK) {
        return;
    } else if (sink->format == SINK_NPY) {
        give_npy(sink, result);
    } else if (sink->format == SINK_CSV) {
        progress_clear(sink->progress);
        give_csv(sink, result);
    } else {
        give_table(sink, result);
    }
}

void sink_flush(struct sink *sink)
{
    progress_clear(sink->progress);
    if (sink->table_open) {
        columns_print(&sink->table);
    }
    (void)fflush(stdout);
}

int sink_done(struct sink *sink, bool whole)
{
    progress_clear(sink->progress);
    if (sink->table_open) {
        sink->lost |= columns_done(&sink->table) != 0;
        sink->table_open = false;
    }
    if (sink->format == SINK_NPY) {
        return close_npy(sink, whole);
    }
    return sink->lost ? -ENOMEM : 0;
}
