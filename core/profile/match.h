/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a profile may be applied to a host: gates only, nothing starts by
 * itself.  Pure. */
#ifndef CORE_PROFILE_MATCH_H
#define CORE_PROFILE_MATCH_H

#include "core/profile/profile.h"

/* What is known of a machine; "" or NULL = not known yet. */
struct match_facts {
    const char *host_name; /* for sentences */
    const char *arch;
    const char *vendor;
    const char *product;
    const json_t *labels;
};

/*
 * 0 when every gate is open.  A gate on something that is not known yet is
 * open when `complete` is false and closed otherwise.  The sentence of a
 * refusal names the gate, what it asks for and what the machine has.
 */
int match_check(const struct profile *profile, const struct match_facts *facts,
                bool complete, struct err *err);

#endif
