/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker `transport`: one serving transport plugin on its own loop, with
 * the services of serve-host.h.
 */
#ifndef CORE_SERVER_WORKERS_TRANSPORT_WORKER_H
#define CORE_SERVER_WORKERS_TRANSPORT_WORKER_H

/* Runs the process; returns the exit status. */
int transport_worker_main(void);

#endif
