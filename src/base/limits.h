/* SPDX-License-Identifier: Apache-2.0
 *
 * All limits on what a user, a client, a file or a worker may request. Those marked [conf] are
 * defaults that an administrator can change (situd.conf(5)).
 */
#ifndef SITU_BASE_LIMITS_H
#define SITU_BASE_LIMITS_H

#include <stdint.h>

#define MIB (UINT64_C(1) << 20)

/* Objects and images. */
#define LIMIT_OBJECT_BYTES (64 * MIB)          /* a stored object */
#define LIMIT_IMAGE_PIXELS UINT64_C(178956970) /* width x height; as Pillow's bomb limit */
#define LIMIT_IMAGE_EDGE 65535u                /* width or height */
#define LIMIT_DECODE_BYTES                                                                         \
    (1280 * MIB)              /* a decoder's memory; a progressive JPEG                            \
                                 at the pixel limit takes 1.1 GB */
#define LIMIT_JPEG_SCANS 100u /* progressive scans; more are a decompression bomb */
#define LIMIT_KEY_BYTES 1024u /* an object's key */

/* Thumbnails. */
#define LIMIT_THUMBNAIL_EDGE 512u /* pixels of the longer edge */
#define LIMIT_THUMBNAIL_EDGE_LEAST 16u
#define LIMIT_THUMBNAIL_BYTES MIB /* of its JPEG; the largest possible is below half of it */

/* Mistyped names. */
#define LIMIT_NEAREST_NAME 64u /* bytes of a name that is compared with others */

/* Stores. */
#define LIMIT_NAME_BYTES 2047u       /* a name in a listing, which may be longer than a key */
#define LIMIT_TOLD_SUFFIXES 12u      /* suffixes of skipped files that are listed by name */
#define LIMIT_EXCLUDE_PATTERNS 64u   /* of a selection, and of a store */
#define LIMIT_WATCHES 65536u         /* directories of one watch */
#define LIMIT_WATCH_BYTES (16 * MIB) /* and their paths */

/* Guards. */
#define LIMIT_TOKEN_FILE_BYTES MIB  /* and of the files of a certificate and its key */
#define LIMIT_SECRET_WAIT_MS 2000   /* at a reload: for data from a pipe that holds a secret */
#define LIMIT_SECRET_SETTLE_MS 50   /* a file that was written since may be incomplete */
#define LIMIT_TOKEN_LEAST_BYTES 16u /* a shorter token gets a warning */
#define LIMIT_AUDIT_BYTES MIB       /* of lines of the audit log that wait to be written */
#define LIMIT_GRANT_WORDS 1024u     /* rights, or stores, of a section */
#define LIMIT_QUOTA 1000000u        /* requests a second, or at once, of a section of rights */

/* Requests. */
#define LIMIT_HEAD_BYTES (UINT64_C(16) << 10) /* request line and fields; also a trailer */
#define LIMIT_HEAD_FIELDS 256u
#define LIMIT_HEAD_PAIRS 256u              /* query parameters, and cookies */
#define LIMIT_CHUNK_EXTENSION_BYTES 1024u  /* of one chunk */
#define LIMIT_REQUEST_ID_BYTES 64u         /* X-Request-Id */
#define LIMIT_JSON_BYTES MIB               /* a control request's body */
#define LIMIT_BODY_BYTES (64 * MIB)        /* images or tensors in a request [conf] */
#define LIMIT_REQUEST_OBJECTS 256u         /* objects of one V2 request */
#define LIMIT_BODY_WAITING_BYTES (MIB / 4) /* of a streamed body that wait to be written */
#define LIMIT_OUTPUT_BYTES (256 * MIB)     /* outputs held for one request */
#define LIMIT_ANSWER_BYTES                                                                         \
    (1024 * MIB) /* answers of all requests, while they are built or wait to be sent [conf] */
#define LIMIT_LIST_PAGE 1000u /* keys of one listing page */
#define LIMIT_RUN_KEYS 4096u  /* names in one JSON request */
#define LIMIT_STORE_NAME 64u
#define LIMIT_STORES 64u
#define LIMIT_TOP 1000u         /* classes that a request may ask for */
#define LIMIT_CONNECTIONS 1024u /* [conf] */
#define LIMIT_QUEUE 4096u       /* waiting objects [conf] */
#define LIMIT_JSON_DEPTH 32u
#define LIMIT_JSON_VALUES MIB /* in a V2 request; more goes as binary */

/* Time, in milliseconds. */
#define LIMIT_HEADER_MS 10000    /* to send a request's head [conf] */
#define LIMIT_BODY_MS 60000      /* to send a control or tensor body [conf] */
#define LIMIT_BODY_STALL_MS 5000 /* a body that stalls while another waits for its place */
#define LIMIT_IDLE_MS 120000     /* a kept-alive connection without a request */
#define LIMIT_OBJECT_MS 30000    /* an object in a worker [conf] */
#define LIMIT_REQUEST_MS 120000  /* an object waiting in the queue [conf] */
#define LIMIT_LOAD_MS 120000     /* a worker loading a model [conf] */
#define LIMIT_STOP_TASKS_MS 800  /* uploads and similar tasks, after those */
#define LIMIT_STOP_HUNG_MS 4000  /* requests that hang in a store's file system, after those */
#define LIMIT_STOP_MS 9000       /* running requests after SIGTERM */

/* Blocking work on threads of its own: a limit for each kind. */
#define LIMIT_LOADING 64u   /* models loaded at a time; more wait */
#define LIMIT_TRIALS 16u    /* trial loads of models being added; never more than cores + 2 */
#define LIMIT_LISTINGS 64u  /* listings of stores */
#define LIMIT_TRANSFERS 96u /* uploads and downloads of packages, vectors and large bodies */
#define LIMIT_CONTROLS 64u  /* requests about jobs, indexes and models */

/* Models. */
#define LIMIT_PACKAGE_BYTES (4096 * MIB) /* a model package as a tar [conf] */
#define LIMIT_PACKAGE_FILES 256u
#define LIMIT_CONFIG_BYTES (16 * MIB) /* a package's JSON file */
#define LIMIT_LABELS 65536u
#define LIMIT_LABEL_BYTES 1024u
#define LIMIT_MODEL_NAME 64u
#define LIMIT_MODELS 256u
#define LIMIT_MODEL_TENSORS 256u /* inputs, and outputs, of a model */
#define LIMIT_TENSOR_NAME 128u
#define LIMIT_TENSOR_RANK 8u

/* Jobs. */
#define LIMIT_JOBS 10000u      /* in the list, ended ones included */
#define LIMIT_JOBS_RUNNING 16u /* at once; more wait */
#define LIMIT_JOB_WINDOW 64u   /* objects of one job in flight; a crash loses their results */
#define LIMIT_JOB_WINDOW_BYTES (16 * MIB) /* of objects in flight, or one larger object */
#define LIMIT_JOB_PRIORITY 9u
#define LIMIT_JOB_KEEP_S 604800 /* how long an ended job stays in the list: a week [conf] */
#define LIMIT_JOB_AGE_S INT64_C(3000000000) /* the highest age of an ended job: 95 years */

/* Indexes. */
#define LIMIT_SEARCH_QUERIES 64u     /* of one search */
#define LIMIT_SEARCH_DIMENSION 4096u /* values of a vector */
#define LIMIT_SEARCH_HITS 1000u      /* for each query */
#define LIMIT_SEARCH_BYTES                                                                         \
    (16 * MIB) /* a search's JSON body: all vectors of a search, as long numbers */
#define LIMIT_VECTOR_LINE_BYTES (UINT64_C(256) << 10) /* of an import: object and embedding */
#define LIMIT_INDEXES 64u                             /* in the list */

/* Lanes and workers. */
#define LIMIT_LANES 257u                   /* cores + 1 */
#define LIMIT_WORKERS 128u                 /* processes; above it idle models are unloaded */
#define LIMIT_LANE_INPUT_BYTES (64 * MIB)  /* shared buffer: object or tensors in */
#define LIMIT_LANE_OUTPUT_BYTES (64 * MIB) /* shared buffer: tensors out */
#define LIMIT_LANE_RESIDENT_BYTES                                                                  \
    (8 * MIB)                      /* kept of each area; pages beyond are released after use */
#define LIMIT_MESSAGE_BYTES 65536u /* one daemon<->worker message */

#endif
