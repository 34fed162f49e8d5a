/* SPDX-License-Identifier: Apache-2.0
 *
 * The index's life: creating, opening, closing, removing it; and lookups without a search. Opening
 * reads all slot records, which the check of LMDB's file visits anyway, and the int8 copy.
 */
#include "index/index.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "index/index_state.h"

enum { PATH_ROOM = 4096, GENERATION_EMPTY = 1 };

#define LIMIT_BYTES_DEFAULT (UINT64_C(65536) * MIB)

static int failed(struct error *error, const char *deed, int errnum)
{
    return error_io(error, errnum, "the index's directory cannot be %s", deed);
}

static int file_path(const char *directory, const char *name, char path[PATH_ROOM],
                     struct error *error)
{
    int size = snprintf(path, PATH_ROOM, "%s/%s", directory, name);
    return size > 0 && size < PATH_ROOM - 16
               ? 0
               : error_set(error, ERROR_MALFORMED, "the index's path is too long");
}

static int remove_files(const char *directory, struct error *error)
{
    static const char *const names[] = {"rows", "codes"};
    char path[PATH_ROOM];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        int r = file_path(directory, names[i], path, error);
        if (r < 0) {
            return r;
        }
        if (unlink(path) < 0 && errno != ENOENT && errno != ENOTDIR) {
            return failed(error, "emptied", errno);
        }
    }
    return 0;
}

/* The files' names are on disk before the first commit. */
static int make_files(const char *directory, struct error *error)
{
    char path[PATH_ROOM];
    int r = remove_files(directory, error);
    if (r < 0) {
        return r;
    }
    r = file_path(directory, "rows", path, error);
    if (r < 0) {
        return r;
    }
    cleanup_fd int rows = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    cleanup_fd int self = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (rows < 0 || self < 0 || fsync(rows) < 0 || fsync(self) < 0) {
        return failed(error, "filled", errno);
    }
    return 0;
}

int index_create(const char *directory, const struct index_shape *shape, struct error *error)
{
    char path[PATH_ROOM];
    struct record_head head = {.format = RECORDS_FORMAT,
                               .shape = *shape,
                               .generation = GENERATION_EMPTY,
                               .next_number = 1,
                               .next_node = 1};
    if (shape->dimension < 1 || shape->dimension > INDEX_DIMENSION_MAX ||
        shape->metric < INDEX_COSINE || shape->metric > INDEX_EUCLIDEAN) {
        return error_set(error, ERROR_MALFORMED,
                         "an index has 1 to %u dimensions and the metric cosine, dot or euclidean",
                         INDEX_DIMENSION_MAX);
    }
    if (getrandom(&head.id, sizeof head.id, 0) != (ssize_t)sizeof head.id) {
        return failed(error, "given an id", errno);
    }
    int r = file_path(directory, "meta", path, error);
    if (r < 0) {
        return r;
    }
    if (mkdir(directory, 0700) < 0 && errno != EEXIST) {
        return failed(error, "made", errno);
    }
    /* Rows first: without keys they are nothing, while keys without rows would be damage. */
    r = access(path, F_OK) == 0 ? 0 : make_files(directory, error);
    return r == 0 ? meta_create(directory, &head, error) : r;
}

int index_destroy(const char *directory, struct error *error)
{
    int r = meta_destroy(directory, error);
    if (r < 0) {
        return r;
    }
    r = remove_files(directory, error);
    if (r < 0) {
        return r;
    }
    return rmdir(directory) < 0 && errno != ENOENT ? failed(error, "removed", errno) : 0;
}

int free_slots_reserve(struct free_slots *slots, size_t more)
{
    if (slots->first > slots->capacity / 2) {
        memmove(slots->items, slots->items + slots->first,
                (slots->end - slots->first) * sizeof *slots->items);
        slots->end -= slots->first;
        slots->first = 0;
    }
    if (slots->end + more <= slots->capacity) {
        return 0;
    }
    size_t capacity = (slots->end + more) * 2;
    struct free_slot *items = realloc(slots->items, capacity * sizeof *items);
    if (!items) {
        return -ENOMEM;
    }
    slots->items = items;
    slots->capacity = capacity;
    return 0;
}

void free_slots_add(struct free_slots *slots, uint32_t slot, uint64_t since)
{
    slots->items[slots->end++] = (struct free_slot){.slot = slot, .since = since};
}

/* What the check of the meta database finds. Entries come in order of their keys: the head first,
 * slots last and by number. */
struct survey {
    struct index *index;
    uint64_t slots;
    uint64_t live;
    uint64_t keys;
    bool has_head;
    struct error *error;
};

static int survey_slot(struct survey *survey, uint32_t slot, const struct record_slot *record)
{
    struct index *index = survey->index;
    if (!survey->has_head || slot != survey->slots || slot >= index->head.slots ||
        record->freed > index->head.generation) {
        return meta_damaged(survey->error);
    }
    survey->slots++;
    if (codes_reserve(&index->codes, slot) < 0 ||
        (!record->live && free_slots_reserve(&index->free, 1) < 0)) {
        return error_memory(survey->error, "an index");
    }
    if (record->live) {
        survey->live++;
        codes_chunk(&index->codes, slot)->tags[slot % CHUNK_ROWS] = record->tag;
        codes_bear(&index->codes, slot, GENERATION_EMPTY);
    } else {
        free_slots_add(&index->free, slot, record->freed);
    }
    return 0;
}

static int survey_head(struct survey *survey, const uint8_t *value, size_t size)
{
    int r = record_head_decode(value, size, &survey->index->head);
    if (r == -ENOTSUP) {
        return error_set(survey->error, ERROR_MALFORMED, "the index is of a newer format");
    }
    if (r < 0) {
        return meta_damaged(survey->error);
    }
    struct layout layout = layout_of(&survey->index->head.shape);
    codes_init(&survey->index->codes, &layout, survey->index->head.id);
    survey->has_head = true;
    return 0;
}

static int survey_entry(void *context, const void *key, size_t key_size, const uint8_t *value,
                        size_t size)
{
    struct survey *survey = context;
    struct record_entry entry;
    struct record_slot slot;
    const uint8_t *note;
    size_t note_size;
    uint32_t number;
    int r = -EBADMSG;
    switch (*(const uint8_t *)key) {
    case RECORD_SPACE_HEAD:
        return survey_head(survey, value, size);
    case RECORD_SPACE_KEY:
        r = record_entry_decode(key, key_size, value, size, &entry);
        survey->keys += r == 0 && entry.slot != NO_SLOT;
        break;
    case RECORD_SPACE_NOTE:
        r = record_note_decode(value, size, &note, &note_size);
        break;
    case RECORD_SPACE_SLOT:
        r = record_slot_decode(key, key_size, value, size, &number, &slot);
        if (r < 0) {
            break;
        }
        return survey_slot(survey, number, &slot);
    default:
        break;
    }
    return r < 0 ? meta_damaged(survey->error) : 0;
}

static int open_meta(const char *directory, struct index *index, struct error *error)
{
    struct error why = {.code = ERROR_NONE};
    struct survey survey = {.index = index, .error = &why};
    int r = meta_open(directory, index->options.limit_bytes, survey_entry, &survey, &index->meta,
                      error);
    if (r < 0) {
        return why.code == ERROR_NONE ? r : error_set(error, why.code, "%s", why.message);
    }
    if (!survey.has_head || survey.slots != index->head.slots || survey.live != index->head.live ||
        survey.keys != survey.live) {
        return meta_damaged(error);
    }
    index->shape = index->head.shape;
    return 0;
}

static void report(const struct index *index, enum index_event event, const char *key,
                   const char *message)
{
    if (index->options.report) {
        index->options.report(index->options.report_context, event, key, message);
    }
}

void index_report_row(struct index *index, uint32_t slot, const char *key, size_t key_size)
{
    char text[INDEX_KEY_MAX + 1];
    if (codes_flag(&index->codes, slot)) {
        memcpy(text, key, key_size);
        text[key_size] = '\0';
        report(index, INDEX_ROW_DAMAGED, text, "the row is damaged or cannot be read");
    }
}

int index_read_row(struct index *index, uint32_t slot, const struct record_slot *record,
                   float *ret_vector)
{
    int r = rows_read(&index->rows, slot, record->tag, ret_vector);
    if (r < 0) {
        index_report_row(index, slot, record->key, record->key_size);
    }
    return r;
}

/* While the index is opened only the damaged slot is known; its key is looked up. */
static void report_slot(void *context, uint32_t slot)
{
    struct index *index = context;
    struct snapshot snapshot;
    struct record_slot record;
    struct error error;
    if (snapshot_begin(&index->snapshots, &index->meta, &snapshot, &error) < 0) {
        return;
    }
    if (meta_get_slot(&index->meta, snapshot.txn, slot, &record, &error) == 0 && record.live) {
        index_report_row(index, slot, record.key, record.key_size);
    }
    snapshot_end(&index->snapshots, &index->meta, &snapshot);
}

static int load_codes(struct index *index, struct error *error)
{
    uint64_t blocks = (index->head.slots + SCAN_ROWS - 1) / SCAN_ROWS;
    uint64_t rebuilt = 0;
    cleanup_free float *row = malloc(index->shape.dimension * sizeof *row);
    if (!row) {
        return error_memory(error, "an index");
    }
    struct rebuilding how = {
        .rows = &index->rows, .row = row, .damaged = report_slot, .context = index};
    for (uint64_t block = 0; block < blocks; block++) {
        rebuilt += codes_load(&index->codes, block, &how);
    }
    atomic_store(&index->blocks_rebuilt, rebuilt);
    if (rebuilt > 0) {
        char message[128];
        (void)snprintf(message, sizeof message,
                       "%llu of %llu blocks of the int8 copy are made anew",
                       (unsigned long long)rebuilt, (unsigned long long)blocks);
        report(index, INDEX_COPY_REBUILT, NULL, message);
    }
    return 0;
}

static int open_all(const char *directory, struct index *index, struct error *error)
{
    char path[PATH_ROOM];
    int r = open_meta(directory, index, error);
    if (r < 0) {
        return r;
    }
    r = file_path(directory, "rows", path, error);
    if (r < 0) {
        return r;
    }
    r = rows_open(path, index->shape.dimension, index->head.id, &index->rows, error);
    if (r < 0) {
        return r;
    }
    r = file_path(directory, "codes", path, error);
    if (r < 0) {
        return r;
    }
    r = codes_open(&index->codes, path, error);
    return r == 0 ? load_codes(index, error) : r;
}

static void release(struct index *index)
{
    codes_close(&index->codes);
    rows_close(&index->rows);
    meta_close(&index->meta);
    filters_done(&index->filters);
    snapshots_done(&index->snapshots);
    (void)pthread_mutex_destroy(&index->writer);
    free(index->free.items);
    free(index);
}

int index_open(const char *directory, const struct index_options *options, struct index **ret_index,
               struct error *error)
{
    struct index *index = calloc(1, sizeof *index);
    if (!index) {
        return error_memory(error, "an index");
    }
    index->options = options ? *options : (struct index_options){.limit_bytes = 0};
    if (index->options.limit_bytes == 0) {
        index->options.limit_bytes = LIMIT_BYTES_DEFAULT;
    }
    index->rows.fd = -1;
    index->codes.fd = -1;
    snapshots_init(&index->snapshots);
    filters_init(&index->filters);
    (void)pthread_mutex_init(&index->writer, NULL);
    int r = open_all(directory, index, error);
    if (r < 0) {
        release(index);
        return r;
    }
    atomic_store(&index->live, index->head.live);
    atomic_store(&index->slots, index->head.slots);
    atomic_store(&index->generation, index->head.generation);
    *ret_index = index;
    return 0;
}

void index_close(struct index *index)
{
    if (index) {
        struct error ignored; /* what is not saved is rebuilt at the next opening */
        (void)!index_save(index, &ignored);
        release(index);
    }
}

struct index_shape index_shape(const struct index *index)
{
    return index->shape;
}

int index_save(struct index *index, struct error *error)
{
    HOLD(&index->writer);
    int r = codes_save(&index->codes, index->head.slots, error);
    if (r < 0) {
        return r;
    }
    index->unsaved = 0;
    return 0;
}

int index_check_vector(const float *vector, uint32_t dimension, const char *what,
                       struct error *error)
{
    for (uint32_t i = 0; i < dimension; i++) {
        if (!isfinite(vector[i])) {
            return error_set(error, ERROR_UNFIT, "%s: value %u is not a finite number", what, i);
        }
        if (fabsf(vector[i]) > INDEX_VALUE_MAX) {
            return error_set(error, ERROR_UNFIT, "%s: value %u is larger than %g", what, i,
                             (double)INDEX_VALUE_MAX);
        }
    }
    return 0;
}

static int get_note(const struct index *index, MDB_txn *txn, void *note, size_t capacity,
                    size_t *ret_size, struct error *error)
{
    struct record_key key;
    MDB_val value;
    const uint8_t *bytes = NULL;
    size_t size = 0;
    record_note_key(&key);
    int r = meta_get(&index->meta, txn, &key, &value, error);
    if (r == -ENOENT) {
        *ret_size = 0;
        return 0;
    }
    if (r < 0) {
        return r;
    }
    if (record_note_decode(value.mv_data, value.mv_size, &bytes, &size) < 0) {
        return meta_damaged(error);
    }
    if (size > capacity) {
        (void)error_set(error, ERROR_TOO_LARGE, "the index's note has %zu bytes", size);
        return -ENOSPC;
    }
    if (size > 0) {
        memcpy(note, bytes, size);
    }
    *ret_size = size;
    return 0;
}

int index_note(struct index *index, void *note, size_t capacity, size_t *ret_size,
               struct error *error)
{
    struct snapshot snapshot;
    int r = snapshot_begin(&index->snapshots, &index->meta, &snapshot, error);
    if (r < 0) {
        return r;
    }
    r = get_note(index, snapshot.txn, note, capacity, ret_size, error);
    snapshot_end(&index->snapshots, &index->meta, &snapshot);
    return r;
}

static int get_row(struct index *index, const struct snapshot *snapshot, const struct key *name,
                   float *vector, struct error *error)
{
    uint32_t slot = NO_SLOT;
    struct record_slot record;
    int r = key_table_find(&index->meta, snapshot->txn, name, &slot, error);
    if (r < 0) {
        return r;
    }
    r = meta_get_slot(&index->meta, snapshot->txn, slot, &record, error);
    if (r < 0) {
        return r;
    }
    if (!record.live || record.key_size != name->size ||
        memcmp(record.key, name->bytes, name->size) != 0) {
        return meta_damaged(error);
    }
    return index_read_row(index, slot, &record, vector) < 0
               ? error_set(error, ERROR_IO, "the row of '%.200s' is damaged", name->bytes)
               : 0;
}

int index_get(struct index *index, const char *key, float *vector, bool *ret_found,
              struct error *error)
{
    struct key name = {.size = 0};
    struct snapshot snapshot = {.txn = NULL};
    int r = key_of(key, &name, error);
    if (r < 0) {
        return r;
    }
    r = snapshot_begin(&index->snapshots, &index->meta, &snapshot, error);
    if (r < 0) {
        return r;
    }
    r = get_row(index, &snapshot, &name, vector, error);
    snapshot_end(&index->snapshots, &index->meta, &snapshot);
    if (r < 0 && r != -ENOENT) {
        return r;
    }
    *ret_found = r == 0;
    return 0;
}

void index_status(struct index *index, struct index_status *ret_status)
{
    uint64_t slots = atomic_load(&index->slots);
    *ret_status = (struct index_status){
        .rows = atomic_load(&index->live),
        .slots = slots,
        .generation = atomic_load(&index->generation),
        .rows_bytes = rows_file_bytes(&index->rows),
        .meta_bytes = meta_used_bytes(&index->meta),
        .memory_bytes = codes_memory(&index->codes, slots),
        .damaged = codes_count_damaged(&index->codes, slots),
        .blocks_rebuilt = atomic_load(&index->blocks_rebuilt),
        .searches = atomic_load(&index->searches),
        .scanned = atomic_load(&index->scanned),
        .rescored = atomic_load(&index->rescored),
    };
}
