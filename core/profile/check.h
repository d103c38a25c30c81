/* SPDX-License-Identifier: Apache-2.0 */
/* A profile against the actions and transports that there are.  Loop thread
 * only. */
#ifndef CORE_PROFILE_CHECK_H
#define CORE_PROFILE_CHECK_H

#include "core/plugin/params.h"
#include "core/profile/profile.h"

/* What the server has enabled. */
struct profile_world {
    void *arg;
    /* The declared parameters of an enabled action, borrowed until the next
     * call, and its default time limit; the sentence says how to enable it. */
    int (*action)(void *arg, const char *name,
                  const struct param_table **ret_params,
                  uint64_t *ret_timeout_ms, struct err *err);
    bool (*transport_known)(void *arg, const char *name);
};

/*
 * Every action enabled, every parameter declared and of its type, every
 * transport known.  Values with {{variables}} are checked after expansion
 * only, so a profile is checked again when a task starts.
 */
int profile_check(const struct profile *profile,
                  const struct profile_world *world, struct err *err);

#endif
