/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines of a job's log: any bytes as a stored line, as a result object that is stored and read
 * back, and as a name.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "data/object_name.h"
#include "jobs/job_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* A stored line with the name reads back the same. */
static void store_name(const char *name, const struct job_record_facts *facts)
{
    struct buffer object = BUFFER_INIT;
    struct buffer line = BUFFER_INIT;
    struct job_record_facts got;
    size_t visible;
    char *back;
    if (facts->flawed) {
        buffer_append_text(&object, "{\"object\":");
        object_name_put_value(&JSON_WRITER(&object), NULL, name, true);
    } else {
        buffer_append_char(&object, '{');
        object_name_put(&JSON_WRITER(&object), "object", name);
    }
    demand(utf8_valid(object.data, object.size));
    buffer_append_text(&object, ",\"error\":{}}");
    job_record_write(&line, object.data, object.size, facts);
    demand(job_record_check(line.data, line.size - 1, &visible, &got) == 0);
    demand(visible == object.size - 1 && memcmp(line.data, object.data, visible) == 0);
    demand(got.cached == facts->cached && got.flawed == facts->flawed &&
           got.bytes_read == facts->bytes_read && got.pass == facts->pass);
    demand(!got.has_identity || memcmp(&got.identity, &facts->identity, sizeof got.identity) == 0);
    demand(job_record_is_failure(line.data, line.size - 1) &&
           !job_record_is_gone(line.data, line.size - 1));
    if (name[0] != '\0') {
        demand(job_record_object(line.data, line.size - 1, &got, &back) == 0);
        demand(strcmp(back, name) == 0);
        free(back);
    }
    buffer_done(&object);
    buffer_done(&line);
}

static void store_object(const char *object, size_t size, const struct job_record_facts *facts)
{
    struct buffer line = BUFFER_INIT;
    struct job_record_facts got;
    size_t visible;
    job_record_write(&line, object, size, facts);
    demand(buffer_ok(&line) == 0 && line.size <= size + JOB_RECORD_EXTRA_BYTES);
    if (size > 1 && object[0] == '{' && object[size - 1] == '}') {
        demand(job_record_check(line.data, line.size - 1, &visible, &got) == 0);
        demand(visible == size - 1);
    }
    buffer_done(&line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct job_record_facts facts = {0};
    struct job_record_facts got = {0};
    size_t visible;
    char *object;
    if (size < 1 + sizeof facts.identity) {
        return 0;
    }
    uint8_t flags = data[0];
    memcpy(&facts.identity, data + 1, sizeof facts.identity);
    data += 1 + sizeof facts.identity;
    size -= 1 + sizeof facts.identity;
    facts.cached = flags & 1;
    facts.flawed = flags & 2;
    facts.pass = flags & 4 ? identity_word(&facts.identity, 1) : 0;
    facts.has_identity = facts.pass > 0 && (flags & 8) != 0;
    facts.bytes_read = flags & 16 ? identity_word(&facts.identity, 2) : 0;

    const char *bytes = (const char *)data;
    if (job_record_check(bytes, size, &visible, &got) == 0) {
        demand(visible > 0 && visible < size);
    }
    got.flawed = facts.flawed;
    (void)job_record_is_failure(bytes, size);
    (void)job_record_is_gone(bytes, size);
    if (job_record_object(bytes, size, &got, &object) == 0) {
        demand(object[0] != '\0');
        free(object);
    }
    store_object(bytes, size, &facts);
    char *name = strndup(bytes, size);
    store_name(name, &facts);
    free(name);
    return 0;
}
