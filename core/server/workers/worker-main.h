/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The child's side: `slipwayd worker KIND`, started by worker-process.h only.
 * Descriptor 3 is the channel to the parent.  The log is sent there too.
 */
#ifndef CORE_SERVER_WORKERS_WORKER_MAIN_H
#define CORE_SERVER_WORKERS_WORKER_MAIN_H

#include "core/util/macros.h"

#define WORKER_CHANNEL_FD 3

/*
 * argv[0] is the kind: "http", "transport", "import".  Returns the exit
 * status.  Its first act is to send the log to the parent; each kind applies
 * its sandbox (sandbox.h) after its first message, before it reads anything
 * that comes from outside.
 */
int worker_main(int argc, char **argv);

#endif
