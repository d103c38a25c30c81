/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Burying orphans: processes whose parents have gone belong to PID 1.  Our own
 * children are waited for by those who started them, so only what stays dead
 * for a whole period is an orphan.
 */
#ifndef CORE_ENGINE_INIT_INIT_REAP_H
#define CORE_ENGINE_INIT_INIT_REAP_H

#include "core/util/loop.h"

struct init_reaper;

/* Lives as long as the process. */
int init_reaper_new(struct loop *loop, struct init_reaper **ret,
                    struct err *err);
void init_reaper_free(struct init_reaper *reaper);

#endif
