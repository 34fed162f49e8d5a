/* SPDX-License-Identifier: Apache-2.0
 *
 * What jobs need from the engine: models, stores, and inference of objects. A running job is one
 * request to the dispatcher and one source of the queue. An object in the result cache completes at
 * once, on the job's own thread; all others go through the queue and a lane.
 */
#ifndef SITU_SERVICE_JOB_HOST_H
#define SITU_SERVICE_JOB_HOST_H

#include "jobs/jobs.h"

struct service;

/* The service is borrowed and must outlive the jobs. */
struct jobs_host job_host_for(struct service *service);

#endif
