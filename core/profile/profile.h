/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Task profiles: what to do with a machine (slipway-profile(5), the schema in
 * profiles/schema/profile.json).  Strict JSON; every error names the file and
 * the JSON path.  A profile does not change once it is parsed and is shared by
 * counting references.  Loop thread only.
 */
#ifndef CORE_PROFILE_PROFILE_H
#define CORE_PROFILE_PROFILE_H

#include <jansson.h>

#include "core/profile/plan.h"

#define PROFILE_MAX_BYTES (16 * 1024) /* a task's document holds it twice */
#define PROFILE_MAX_PATTERN_BYTES 256
#define PROFILE_MAX_ARCH 16
#define PROFILE_NAME_BYTES 64 /* [a-z0-9][a-z0-9.-]{0,62} */

struct pattern;

struct profile_step {
    char action[PLAN_NAME_BYTES];
    json_t *with;        /* object, as written or expanded */
    uint64_t timeout_ms; /* 0 = the action's own */
};

/* A gate on one text: a pattern as written and compiled; NULL = any. */
struct profile_gate {
    char *text;
    struct pattern *pattern;
};

struct profile {
    unsigned references;
    json_t *json; /* the whole profile as it was written */
    char name[PROFILE_NAME_BYTES];
    char arch[PROFILE_MAX_ARCH][PLAN_NAME_BYTES];
    size_t arch_count; /* 0 = every arch */
    struct profile_gate vendor;
    struct profile_gate product;
    json_t *labels; /* object: label -> text it must have; NULL = any */
    char transport[PLAN_MAX_TRANSPORTS][PLAN_NAME_BYTES];
    size_t transport_count;
    struct profile_step steps[MESSAGE_MAX_STEPS];
    size_t step_count;
    char then[16];
    bool kexec; /* boot-disk may be by kexec */
};

/* `source` begins each sentence: a file's name or "profile 'lab'".  `json` is
 * borrowed and kept by reference. */
int profile_parse(const json_t *json, const char *source,
                  struct profile **ret_profile, struct err *err);
/* The same from text, so that duplicate keys are found. */
int profile_parse_text(const char *text, size_t length, const char *source,
                       struct profile **ret_profile, struct err *err);
struct profile *profile_ref(const struct profile *profile);
void profile_unref(struct profile *profile);
DEFINE_AUTO(profile, struct profile, profile_unref)
#define AUTO_PROFILE __attribute__((cleanup(auto_profile))) struct profile

#endif
