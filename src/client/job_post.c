/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing the request that starts a job.
 */
#include "client/job_post.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/json_write.h"
#include "client/url.h"

enum { TOKEN_SIZE = 13, INTERVAL_MAX_S = 86400 };

/* SITU_USAGE for a value out of range, or an option that does not fit the input. */
static int check_options(const struct situ_run_options *options, bool by_name,
                         struct situ_error *error)
{
    const char *fault = NULL;
    if (options->top > LIMIT_TOP) {
        fault = "top is above 1000";
    } else if (options->labels > SITU_LABELS_NONE) {
        fault = "unknown labels mode";
    } else if (options->keep < SITU_KEEP_NOT || options->keep > SITU_KEEP_RESULTS) {
        fault = "unknown keep mode";
    } else if (options->priority > LIMIT_JOB_PRIORITY && options->priority != UINT32_MAX) {
        fault = "priority is above 9";
    } else if (options->interval_s > INTERVAL_MAX_S) {
        fault = "interval_s is above 86400";
    } else if (by_name && (options->glob || options->standing)) {
        fault = "glob and standing go with a prefix, not with a list of names";
    }
    return fault ? client_fail(error, SITU_USAGE, "options: %s", fault) : 0;
}

static int make_token(char token[TOKEN_SIZE], struct situ_error *error)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    unsigned char bytes[TOKEN_SIZE - 1];
    size_t have = 0;
    while (have < sizeof bytes) {
        ssize_t got = getrandom(bytes + have, sizeof bytes - have, 0);
        if (got < 0 && errno != EINTR) {
            char text[128];
            return client_fail(error, SITU_IO, "random numbers: %s",
                               error_text(errno, text, sizeof text));
        }
        have += got > 0 ? (size_t)got : 0;
    }
    /* Six bits per character: short, as it is transferred in both directions. */
    for (size_t i = 0; i < TOKEN_SIZE - 1; i++) {
        token[i] = digits[bytes[i] & 63];
    }
    token[TOKEN_SIZE - 1] = '\0';
    return 0;
}

/* UINT32_MAX means 0, since 0 means the default. */
static uint32_t priority_of(const struct situ_run_options *options)
{
    return options->priority == UINT32_MAX ? 0 : options->priority;
}

static uint64_t failures_of(const struct situ_run_options *options)
{
    return options->max_failures == UINT64_MAX ? 0 : options->max_failures;
}

static void write_model(struct buffer *out, const struct model_name *model)
{
    buffer_printf(out, "%s%s%s", model->name, model->version[0] ? "@" : "", model->version);
}

static void write_json(struct job_post *job, const struct job_order *order, const char *token)
{
    const struct situ_run_options *options = order->options;
    cleanup_buffer struct buffer model = BUFFER_INIT;
    write_model(&model, order->model);
    struct json_writer w = JSON_WRITER(&job->body);
    json_begin_object(&w, NULL);
    json_put_bytes(&w, "model", model.data ? model.data : "", model.size);
    job_input_put(order->input, options->glob, &w);
    if (options->top) {
        json_put_unsigned(&w, "top", options->top);
    }
    json_begin_object(&w, "output");
    if (!order->labels) {
        json_put_bool(&w, "labels", false);
    }
    json_put_string(&w, "embedding", "base64");
    json_end_object(&w);
    if (options->priority) {
        json_put_unsigned(&w, "priority", priority_of(options));
    }
    if (options->max_failures) {
        json_put_unsigned(&w, "max_failures", failures_of(options));
    }
    if (options->no_cache) {
        json_put_bool(&w, "cache", false);
    }
    if (!order->keep) {
        json_put_bool(&w, "keep", false);
    }
    if (options->standing) {
        json_put_bool(&w, "standing", true);
    }
    if (options->interval_s) {
        json_put_unsigned(&w, "interval_s", options->interval_s);
    }
    json_put_string(&w, "token", token);
    json_end_object(&w);
}

static int read_names(void *context, char *bytes, size_t size, size_t *ret_size)
{
    *ret_size = names_reader_read(context, bytes, size);
    return 0;
}

static void rewind_names(void *context)
{
    struct names_reader *reader = context;
    *reader = (struct names_reader){.input = reader->input};
}

static void write_query(struct job_post *job, const struct job_order *order, const char *token)
{
    const struct situ_run_options *options = order->options;
    cleanup_buffer struct buffer model = BUFFER_INIT;
    write_model(&model, order->model);
    const char *name = buffer_text(&model);
    url_append_query(&job->target, "model", name ? name : "");
    if (options->top) {
        url_append_number(&job->target, "top", options->top);
    }
    if (!order->labels) {
        url_append_query(&job->target, "labels", "0");
    }
    url_append_query(&job->target, "embedding", "base64");
    if (options->priority) {
        url_append_number(&job->target, "priority", priority_of(options));
    }
    if (options->max_failures) {
        url_append_number(&job->target, "max_failures", failures_of(options));
    }
    if (options->no_cache) {
        url_append_query(&job->target, "cache", "0");
    }
    if (!order->keep) {
        url_append_query(&job->target, "keep", "0");
    }
    if (order->input->nul_separated) {
        url_append_query(&job->target, "separator", "nul");
    }
    url_append_query(&job->target, "token", token);
    job->reader = (struct names_reader){.input = order->input};
    job->source = (struct body_source){.read = read_names,
                                       .rewind = rewind_names,
                                       .context = &job->reader,
                                       .size = order->input->text_bytes};
}

int job_post_make(struct job_post *job, const struct job_order *order, struct situ_error *error)
{
    char token[TOKEN_SIZE] = "";
    bool as_text = order->input->as_text;
    *job = (struct job_post){.target = BUFFER_INIT};
    int r = check_options(order->options, order->input->by_name, error);
    if (r) {
        return r;
    }
    r = make_token(token, error);
    if (r) {
        return r;
    }
    buffer_append_text(&job->target, "/v1/jobs");
    if (order->follow) {
        url_append_query(&job->target, "follow", "1");
    }
    if (order->follow && order->options->progress) {
        url_append_query(&job->target, "progress", "1");
    }
    if (as_text) {
        write_query(job, order, token);
    } else {
        write_json(job, order, token);
    }
    job->request = (struct request){.method = "POST",
                                    .target = buffer_text(&job->target),
                                    .content = as_text ? CONTENT_OCTETS : CONTENT_JSON,
                                    .body = buffer_text(&job->body),
                                    .body_size = job->body.size,
                                    .source = as_text ? &job->source : NULL,
                                    .compressed = order->follow,
                                    .repeatable = true};
    return 0;
}

void job_post_done(struct job_post *job)
{
    buffer_done(&job->target);
    buffer_done(&job->body);
    *job = (struct job_post){.target = BUFFER_INIT};
}
