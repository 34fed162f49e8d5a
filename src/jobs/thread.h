/* SPDX-License-Identifier: Apache-2.0
 *
 * The thread of a job that has a place.
 */
#ifndef SITU_JOBS_THREAD_H
#define SITU_JOBS_THREAD_H

void *job_thread(void *job); /* takes ownership of a reference to the job */

#endif
