/* SPDX-License-Identifier: Apache-2.0
 *
 * Jobs over HTTP: creates them, from a JSON body or from a list of names that is streamed to the
 * disk; lists, shows, pauses them and so on. Routes that block run on task threads.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/body_writer.h"
#include "api/jobs/job_object.h"
#include "api/jobs/job_streams.h"
#include "api/route.h"
#include "base/log.h"
#include "retrieval/filling_job.h"
#include "wire/job_request.h"

/* ---- answers ---- */

/* A token could be guessed, and stands for what another client does. */
static void hide_token(const struct call *call, struct job_info *info)
{
    struct job_spec own = {.has_keys = false};
    job_spec_set_owner(&own, &call->access);
    if (!call->access.all && strcmp(info->spec.owner, own.owner) != 0) {
        info->spec.token[0] = '\0';
    }
}

static void respond_job(struct call *call, unsigned status, struct job_info *info)
{
    cleanup_buffer struct buffer body = BUFFER_INIT;
    char location[32] = "/v1/jobs/";
    const char *const headers[] = {"Location", location, NULL};
    (void)strncat(location, info->spec.id, sizeof location - strlen(location) - 1);
    hide_token(call, info);
    job_put_json(&JSON_WRITER(&body), NULL, info);
    buffer_append_char(&body, '\n');
    call_respond(call, status, "application/json", &body, status == 201 ? headers : NULL);
}

static bool query_is(struct call *call, const char *name, const char *value)
{
    const char *given = http_request_query(call->request, name);
    return given && strcmp(given, value) == 0;
}

/* Whether the caller may use the job so; otherwise it answers. */
static bool may_use(struct call *call, const char *id, enum job_use use)
{
    struct error error = {0};
    if (jobs_check_access(call->service->jobs, id, &call->access, use, &error) < 0) {
        call_respond_error(call, &error);
        return false;
    }
    return true;
}

/* For the audit log: whether the call changes a job of another caller. */
static void note_owner(struct call *call)
{
    struct error error = {0};
    struct job_info info = {0};
    if (call->address[0] && strcmp(call->route->method, "GET") != 0 &&
        jobs_get(call->service->jobs, call->captures[0], &info, &error) == 0) {
        struct job_spec own = {0};
        job_spec_set_owner(&own, &call->access);
        atomic_store(&call->of_others, strcmp(info.spec.owner, own.owner) != 0);
        job_info_done(&info);
    }
}

/* The same for the job that the path names. */
static bool may(struct call *call, enum job_use use)
{
    if (!may_use(call, call->captures[0], use)) {
        return false;
    }
    note_owner(call);
    return true;
}

/* ---- creating ---- */

/* The state of a call that creates a job. */
struct creation {
    struct job_request request; /* owned */
    struct jobs_keys *keys;     /* owned; NULL: no list of names */
    struct body_writer
        *writer;        /* owned; of a list that is the body, with the request in the query */
    struct error error; /* of the list while it is received */
};

static void creation_free(void *state)
{
    struct creation *creation = state;
    body_writer_free(creation->writer);
    job_request_done(&creation->request);
    jobs_keys_free(creation->keys);
    free(creation);
}

static const char *query_of(void *context, const char *name)
{
    return http_request_query(context, name);
}

static int keep_names(void *context, const void *bytes, size_t size)
{
    struct creation *creation = context;
    return jobs_keys_append(creation->keys, bytes, size, &creation->error);
}

static int begin_streamed(struct call *call, struct creation *creation, struct error *error)
{
    int r = job_request_from_query(query_of, call->request, &creation->request, error);
    if (r < 0) {
        return r;
    }
    r = jobs_keys_new(call->service->jobs, &creation->keys, error);
    if (r < 0) {
        return r;
    }
    if (creation->request.nul_separated) {
        jobs_keys_end_with_nul(creation->keys);
    }
    if (body_writer_new(call, keep_names, creation, &creation->writer) < 0) {
        return error_memory(error, NULL);
    }
    http_accept_stream(call->request, UINT64_MAX, body_writer_put, creation->writer);
    return 0;
}

static void accept_job(struct call *call)
{
    struct error error = {0};
    struct creation *creation = call_new_state(call, sizeof *creation, creation_free);
    if (!creation) {
        return;
    }
    if (!call_content_type_is(call, "application/octet-stream")) {
        http_accept_body(call->request, LIMIT_JSON_BYTES);
    } else if (begin_streamed(call, creation, &error) < 0) {
        call_respond_error(call, &error);
    }
}

/* Makes the same list from the names of a JSON body as from a stream. */
static int list_names(struct call *call, struct creation *creation, struct error *error)
{
    int r = jobs_keys_new(call->service->jobs, &creation->keys, error);
    for (size_t i = 0; i < creation->request.key_count && r == 0; i++) {
        r = jobs_keys_add(creation->keys, job_request_key(&creation->request, i), error);
    }
    return r;
}

static int read_request(struct call *call, struct creation *creation, struct error *error)
{
    size_t size = 0;
    const void *body = http_request_body(call->request, &size);
    if (!creation->writer) {
        int r = job_request_parse(body, size, &creation->request, error);
        return r == 0 && creation->request.names ? list_names(call, creation, error) : r;
    }
    int r = body_writer_finish(creation->writer, error);
    if (r < 0 || creation->error.code == ERROR_NONE) {
        return r;
    }
    *error = creation->error;
    return error_code_errno(error->code);
}

static int make_spec(const struct call *call, struct job_request *request, struct job_spec *spec,
                     struct error *error)
{
    *spec = (struct job_spec){.has_keys = request->names,
                              .top = request->top,
                              .labels = request->labels,
                              .binary = request->binary,
                              .priority = request->priority,
                              .max_failures = request->max_failures,
                              .cache = request->cache,
                              .keep = request->keep,
                              .standing = request->standing,
                              .interval_s = request->interval_s};
    _Static_assert((int)JOB_TOKEN_SIZE >= (int)JOB_REQUEST_TOKEN_SIZE, "tokens fit");
    _Static_assert((int)JOB_VERSION_SIZE >= (int)JOB_REQUEST_VERSION_SIZE, "versions fit");
    job_spec_set_owner(spec, &call->access);
    (void)stpcpy(spec->token, request->token);
    (void)stpcpy(spec->model, request->model);
    (void)stpcpy(spec->version, request->version);
    if (selection_make(request->store, request->prefix, request->glob, &spec->select) < 0) {
        return error_memory(error, NULL);
    }
    return request->names ? 0
                          : stores_make_rules(call->service->stores, request->store,
                                              &request->rules, &spec->select.rules, error);
}

static int refuse_selection(const struct job_request *request, enum right right,
                            enum access_verdict verdict, struct error *error)
{
    if (verdict == ACCESS_FORBIDDEN) {
        return error_set(error, ERROR_FORBIDDEN,
                         "your rights do not include '%s' for all objects of '%s/%.200s'",
                         right_name(right), request->store, request->prefix);
    }
    return error_set(error, ERROR_NOT_FOUND, "'%s/%.200s' is nothing that your rights include",
                     request->store, request->prefix);
}

/* Each right must hold the whole selection. Nothing is asked of a store that the caller does not
 * know. */
static int check_selection(const struct call *call, const struct job_request *request,
                           struct error *error)
{
    static const enum right rights[] = {RIGHT_JOBS, RIGHT_INFER};
    const char *store = request->store;
    if (call->access.all || !store) {
        return 0;
    }
    if (!stores_find_known(call->service->stores, &call->access, store, strlen(store), error)) {
        return error_code_errno(ERROR_NOT_FOUND);
    }
    for (size_t i = 0; !request->names && i < sizeof rights / sizeof rights[0]; i++) {
        enum access_verdict verdict =
            access_prefix(&call->access, rights[i], store, request->prefix);
        if (verdict != ACCESS_GRANTED) {
            return refuse_selection(request, rights[i], verdict, error);
        }
    }
    return 0;
}

static int check_rights(const struct call *call, const struct creation *creation,
                        struct job_spec *spec, struct error *error)
{
    int r = check_selection(call, &creation->request, error);
    if (r < 0 || !creation->keys) {
        return r;
    }
    return jobs_keys_check(creation->keys, creation->request.store, &call->access,
                           &spec->keys_stores, error);
}

static int create(struct call *call, struct creation *creation, struct job_info *info,
                  bool *ret_existing, struct error *error)
{
    cleanup_by(job_spec_done) struct job_spec spec = {0};
    int r = read_request(call, creation, error);
    if (r < 0) {
        return r;
    }
    r = make_spec(call, &creation->request, &spec, error);
    if (r < 0) {
        return r;
    }
    r = check_rights(call, creation, &spec, error);
    if (r < 0) {
        return r;
    }
    struct jobs_keys *keys = take_ptr(creation->keys);
    return jobs_create(call->service->jobs, &spec, keys, info, ret_existing, error);
}

/* With the results of the new job, or of the one that has the token. */
static void respond_following(struct call *call, struct job_info *info)
{
    struct job_stream_options options = {
        .wait = true, .progress = query_is(call, "progress", "1"), .first = info};
    if (may_use(call, info->spec.id, JOB_USE_READ)) {
        creation_free(take_ptr(call->state));
        job_streams_follow(call->api->job_streams, call, info->spec.id, &options);
    }
}

static void create_job(struct call *call)
{
    struct error error = {0};
    struct job_info info = {0};
    bool existing = false;
    if (!call->state) {
        return;
    }
    if (create(call, call->state, &info, &existing, &error) < 0) {
        call_respond_error(call, &error);
        return;
    }
    if (!existing) {
        call_log(call, "job_created", "job=%s model=%s version=%s priority=%u", info.spec.id,
                 info.spec.model, info.spec.version, info.spec.priority);
    }
    if (query_is(call, "follow", "1")) {
        respond_following(call, &info);
    } else {
        respond_job(call, existing ? 200 : 201, &info);
    }
    job_info_done(&info);
}

/* ---- looking at them ---- */

static void list_jobs(struct call *call)
{
    struct job_info *infos = NULL;
    size_t count = 0;
    cleanup_buffer struct buffer body = BUFFER_INIT;
    if (jobs_list(call->service->jobs, &call->access, &infos, &count) < 0) {
        call_respond_status(call, 503, "out of memory, or stopping");
        return;
    }
    struct json_writer w = JSON_WRITER(&body);
    json_begin_object(&w, NULL);
    json_begin_array(&w, "jobs");
    for (size_t i = 0; i < count; i++) {
        json_break_line(&w);
        hide_token(call, &infos[i]);
        job_put_json(&w, NULL, &infos[i]);
        job_info_done(&infos[i]);
    }
    free(infos);
    json_end_array(&w);
    json_end_object(&w);
    buffer_append_char(&body, '\n');
    call_respond_json(call, 200, &body);
}

/* Answers with the current state of the job. */
static void respond_now(struct call *call)
{
    struct error error = {0};
    struct job_info info = {0};
    if (jobs_get(call->service->jobs, call->captures[0], &info, &error) < 0) {
        call_respond_error(call, &error);
        return;
    }
    respond_job(call, 200, &info);
    job_info_done(&info);
}

static void show_job(struct call *call)
{
    if (may(call, JOB_USE_SEE)) {
        respond_now(call);
    }
}

static void job_results(struct call *call)
{
    struct job_stream_options options = {.wait = !query_is(call, "wait", "0"),
                                         .progress = query_is(call, "progress", "1")};
    size_t after = 0;
    if (call_query_number(call, "after", 0, SIZE_MAX, 0, &after) && may(call, JOB_USE_READ)) {
        options.after = after;
        job_streams_follow(call->api->job_streams, call, call->captures[0], &options);
    }
}

/* ---- what is done to them ---- */

typedef int (*job_action)(struct jobs *jobs, const char *id, struct error *error);

static void act(struct call *call, enum job_use use, job_action action, const char *event)
{
    struct error error = {0};
    if (!may(call, use)) {
        return;
    }
    if (action(call->service->jobs, call->captures[0], &error) < 0) {
        call_respond_error(call, &error);
        return;
    }
    call_log(call, event, "job=%s", call->captures[0]);
    respond_now(call);
}

static void pause_job(struct call *call)
{
    act(call, JOB_USE_SEE, jobs_pause, "job_paused");
}

static void resume_job(struct call *call)
{
    bool accepts = query_is(call, "accept_store", "1");
    act(call, JOB_USE_RUN, accepts ? jobs_resume_accepting : jobs_resume, "job_resumed");
}

static void cancel_job(struct call *call)
{
    act(call, JOB_USE_SEE, jobs_cancel, "job_cancelled");
}

static int exclude(struct call *call, struct error *error)
{
    struct service *service = call->service;
    cleanup_by(job_info_done) struct job_info info = {0};
    cleanup_free char *lines = NULL;
    int r = jobs_get(service->jobs, call->captures[0], &info, error);
    if (r < 0) {
        return r;
    }
    if (filling_job_is_one(&info.spec)) {
        return error_set(error, ERROR_CONFLICT,
                         "job %s fills an index: `situ index rebuild NAME --exclude-defaults`",
                         info.spec.id);
    }
    if (info.spec.select.store) {
        r = stores_exclude(service->stores, info.spec.select.store, &lines, error);
    }
    return r == 0 ? jobs_exclude(service->jobs, call->captures[0], lines, error) : r;
}

/* For a job that an earlier version made, or that is older than the store's setting. */
static void exclude_defaults(struct call *call)
{
    struct error error = {0};
    if (!may(call, JOB_USE_RUN)) {
        return;
    }
    if (exclude(call, &error) < 0) {
        call_respond_error(call, &error);
        return;
    }
    call_log(call, "job_exclude_defaults", "job=%s", call->captures[0]);
    respond_now(call);
}

static void retry_job(struct call *call)
{
    struct error error = {0};
    struct job_info info = {0};
    if (!may(call, JOB_USE_RUN)) {
        return;
    }
    if (jobs_retry(call->service->jobs, call->captures[0], &call->access, &info, &error) < 0) {
        call_respond_error(call, &error);
        return;
    }
    call_log(call, "job_created", "job=%s retry_of=%s", info.spec.id, call->captures[0]);
    respond_job(call, 201, &info);
    job_info_done(&info);
}

static void remove_job(struct call *call)
{
    struct error error = {0};
    if (!may(call, JOB_USE_SEE)) {
        return;
    }
    if (jobs_remove(call->service->jobs, call->captures[0], &error) < 0) {
        call_respond_error(call, &error);
        return;
    }
    call_respond_nothing(call);
}

static const struct route routes[] = {
    {"POST", "/v1/jobs", accept_job, RIGHT_JOBS, TASK_CONTROL, create_job},
    {"GET", "/v1/jobs", NULL, RIGHT_JOBS, TASK_CONTROL, list_jobs},
    {"GET", "/v1/jobs/*", NULL, RIGHT_JOBS, TASK_CONTROL, show_job},
    {"DELETE", "/v1/jobs/*", NULL, RIGHT_JOBS, TASK_CONTROL, remove_job},
    {"GET", "/v1/jobs/*/results", NULL, RIGHT_JOBS, TASK_NONE, job_results},
    {"POST", "/v1/jobs/*/pause", call_accept_control, RIGHT_JOBS, TASK_CONTROL, pause_job},
    {"POST", "/v1/jobs/*/resume", call_accept_control, RIGHT_JOBS, TASK_CONTROL, resume_job},
    {"POST", "/v1/jobs/*/cancel", call_accept_control, RIGHT_JOBS, TASK_CONTROL, cancel_job},
    {"POST", "/v1/jobs/*/retry", call_accept_control, RIGHT_JOBS, TASK_CONTROL, retry_job},
    {"POST", "/v1/jobs/*/exclude-defaults", call_accept_control, RIGHT_JOBS, TASK_CONTROL,
     exclude_defaults},
};

const struct interface jobs_interface = INTERFACE(routes);
