/* SPDX-License-Identifier: Apache-2.0
 *
 * What jobs need of the daemon: models, stores, and objects inferred. A running job is one request
 * to the dispatcher and one source of the queue; an object that the result cache knows is answered
 * at once, on the job's own thread, all others through the queue and a lane.
 */
#ifndef SITU_SERVICE_JOB_HOST_H
#define SITU_SERVICE_JOB_HOST_H

#include "jobs/jobs.h"

struct service;

/* The service is borrowed, and outlives the jobs. */
struct jobs_host job_host_for(struct service *service);

#endif
