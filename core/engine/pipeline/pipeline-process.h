/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `slipway-engine pipeline`: the process behind pipeline-client.h.  Its
 * channel to PID 1 is descriptor 3.
 */
#ifndef CORE_ENGINE_PIPELINE_PIPELINE_PROCESS_H
#define CORE_ENGINE_PIPELINE_PIPELINE_PROCESS_H

#include "core/util/macros.h"

/* Runs one job; returns the exit status. */
int pipeline_process_main(void);

#endif
