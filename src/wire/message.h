/* SPDX-License-Identifier: Apache-2.0
 *
 * The messages between situd and situ-worker: datagrams on SOCK_SEQPACKET sockets. Each worker has
 * one control socket, each lane one socket and one shared buffer. Both ends have the same build
 * (checked by MESSAGE_VERSION), so messages are structs of fixed-width fields in native order, of
 * which only the used part is sent. Neither side trusts the other: message_check() comes first.
 *
 *   control  w->d  READY      the sandbox is active (or the part of it that this kernel supports)
 *            d->w  LANE       + 2 descriptors: the lane's socket, its shared buffer
 *            d->w  FILE       + 1 descriptor: a file of the package, open for reading
 *            d->w  LOAD       everything is sent: load the model, answer with
 *            w->d  LOADED     the number of inputs and outputs of the model, or an error
 *            w->d  TENSORS    some of them, inputs before outputs, until all are sent
 *            w->d  VIOLATION  a forbidden system call, by name; the worker ends
 *   lane     d->w  RUN        one object (or tensors) is in the shared buffer
 *                             (or an image, to make a thumbnail of)
 *            w->d  DONE       its outputs are in the shared buffer, or an error
 *
 * The shared buffer is `input_bytes` of input area, then `output_bytes` of output area; offsets in
 * messages count from the start of their area.
 */
#ifndef SITU_WIRE_MESSAGE_H
#define SITU_WIRE_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/limits.h"
#include "data/tensor.h"
#include "data/tensor_set.h"
#include "wire/pipeline.h"

#define MESSAGE_VERSION 5u
#define MESSAGE_PATH_SIZE 1024u
#define MESSAGE_TEXT_SIZE 256u
#define MESSAGE_TENSORS_MAX 96u /* of one message TENSORS */

enum message_type {
    MESSAGE_READY = 1,
    MESSAGE_LANE,
    MESSAGE_FILE,
    MESSAGE_LOAD,
    MESSAGE_LOADED,
    MESSAGE_VIOLATION,
    MESSAGE_RUN,
    MESSAGE_DONE,
    MESSAGE_TENSORS,
};

struct message_header {
    uint32_t version;
    uint32_t type;
};

struct message_ready {
    struct message_header header;
    uint32_t landlock_abi; /* 0: this kernel has none */
    uint32_t seccomp;      /* 1 when the filter is active */
};

struct message_lane {
    struct message_header header;
    uint32_t index;
    int32_t cpu; /* the CPU to pin the lane's thread to; -1: none */
    uint64_t input_bytes;
    uint64_t output_bytes;
};

struct message_file {
    struct message_header header;
    uint64_t size_bytes;
    uint32_t is_model; /* 1: the .onnx file itself; 0: external data */
    uint32_t reserved;
    char path[MESSAGE_PATH_SIZE]; /* relative to the .onnx file's directory */
};

struct message_load {
    struct message_header header;
    uint32_t has_pipeline; /* 0: tensors only */
    uint32_t cores;        /* threads of the all-cores session; 1: none */
    int64_t slow_run_ns;   /* a model slower than this gets an all-cores session */
    struct pipeline pipeline;
};

struct message_loaded {
    struct message_header header;
    uint32_t code; /* enum error_code */
    uint32_t input_count;
    uint32_t output_count;
    uint32_t image_input;             /* index of the input that the pipeline feeds */
    uint32_t all_cores;               /* 1: an all-cores session is being created */
    uint32_t untried;                 /* 1: no trial run succeeded; `text` has the reason */
    struct tensor_set probabilities;  /* outputs whose values summed to 1 in the trial run */
    int64_t run_ns;                   /* duration of the second trial run; 0 if there was none */
    struct pipeline pipeline;         /* with layout and datatype known */
    char text[MESSAGE_TEXT_SIZE];     /* of the error, or of `untried` */
    char left_out[MESSAGE_TEXT_SIZE]; /* outputs that are not tensors, and not among the others */
};

struct message_tensor {
    struct tensor_info info;
    struct tensor_shape
        seen; /* of an output in the trial run; all 0 if `untried`, or for an input */
};

struct message_tensors {
    struct message_header header;
    uint32_t first; /* index of the first one among all inputs and outputs */
    uint32_t count;
    struct message_tensor tensors[MESSAGE_TENSORS_MAX];
};

struct message_violation {
    struct message_header header;
    int32_t number;
    char name[60]; /* of the system call */
};

/* A tensor in the shared buffer. */
struct tensor_ref {
    uint32_t index; /* of the model's input or output */
    uint32_t datatype;
    struct tensor_shape shape;
    uint32_t reserved;
    uint64_t offset;
    uint64_t size_bytes;
};

/* A tensor's place in the shared buffer, and the tensor at such a place, without its name. */
struct tensor_ref tensor_ref_of(const struct tensor *tensor, uint64_t offset);
struct tensor message_tensor_of_ref(const struct tensor_ref *ref, const void *data);

/* RUN_THUMBNAIL: the model is not run; the one output is a JPEG, UINT8 of shape [size]. */
enum run_kind { RUN_IMAGE = 0, RUN_TENSORS = 1, RUN_THUMBNAIL = 2 };

struct message_run {
    struct message_header header;
    uint64_t sequence;
    uint32_t kind;             /* enum run_kind */
    uint32_t all_cores;        /* 1: use the all-cores session if there is one */
    uint64_t input_size;       /* RUN_IMAGE, RUN_THUMBNAIL: encoded bytes at offset 0 */
    struct tensor_set outputs; /* the requested ones */
    uint32_t input_count;      /* RUN_TENSORS */
    uint32_t edge;             /* RUN_THUMBNAIL: pixels of its longer edge; otherwise 0 */
    struct tensor_ref inputs[LIMIT_MODEL_TENSORS];
};

struct message_done {
    struct message_header header;
    uint64_t sequence;
    int64_t decode_ns; /* decode, resample, normalise */
    int64_t run_ns;
    uint32_t code; /* enum error_code */
    uint32_t output_count;
    char text[MESSAGE_TEXT_SIZE];
    struct tensor_ref outputs[LIMIT_MODEL_TENSORS];
};

union message {
    struct message_header header;
    struct message_ready ready;
    struct message_lane lane;
    struct message_file file;
    struct message_load load;
    struct message_loaded loaded;
    struct message_tensors tensors;
    struct message_violation violation;
    struct message_run run;
    struct message_done done;
};

/* The size of the message to send: the fixed part and the used elements. */
size_t message_size(const union message *message);

/* Checks `size` received bytes against every rule that needs no context: version, type, length,
 * counts, enums, terminated texts. 0, or ERROR_MALFORMED with the reason. */
must_check int message_check(const union message *message, size_t size, struct error *error);

/* Checks a worker's successful answer to RUN_THUMBNAIL: one output, a JPEG within an area of
 * `area_bytes` and within its limit. */
must_check int message_check_thumbnail(const struct message_done *done, uint64_t area_bytes,
                                       struct error *error);

/* Checks that every tensor lies within an area of `area_bytes`, has a shape without open
 * dimensions, and the size of its shape and type. BYTES elements have at least four bytes each;
 * tensor_bytes_valid() checks their content once nobody else can write it. */
must_check int message_check_tensors(const struct tensor_ref *refs, uint32_t count,
                                     uint32_t index_limit, uint64_t area_bytes,
                                     struct error *error);

#endif
