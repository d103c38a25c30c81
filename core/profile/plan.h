/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan: everything an engine may do to its machine, as one JSON text that
 * the server signs and the engine checks (core/doc/wire.md).  Pure: any
 * thread, both sides.
 */
#ifndef CORE_PROFILE_PLAN_H
#define CORE_PROFILE_PLAN_H

#include <jansson.h>

#include "core/util/crypto.h"
#include "core/util/macros.h"
#include "core/wire/message.h"

#define PLAN_DOMAIN "slipway-plan-1" /* what a plan's signature begins with */
#define PLAN_MAX_BYTES (128 * 1024)
#define PLAN_MAX_TRANSPORTS 4
#define PLAN_MAX_IMAGES 8  /* of one step */
#define PLAN_NAME_BYTES 33 /* a plugin's or parameter's name */

struct plan_server {
    char address[MESSAGE_SERVER_BYTES];
    uint16_t tls_port;
    uint16_t http_port;
};

/* The content behind a parameter of type image or blob. */
struct plan_image {
    char param[PLAN_NAME_BYTES];
    struct digest manifest;
};

struct plan_step {
    char action[PLAN_NAME_BYTES];
    struct digest plugin; /* SHA-256 of the action's shared object */
    json_t *with;         /* object, owned: parameters with names expanded */
    struct plan_image images[PLAN_MAX_IMAGES];
    size_t image_count;
    uint64_t timeout_ms; /* 0 = none */
};

struct plan {
    char site[MESSAGE_ID_BYTES];
    char task[MESSAGE_ID_BYTES];
    uint32_t attempt; /* from 1 */
    char host_id[MESSAGE_ID_BYTES];
    char host_name[MESSAGE_NAME_BYTES];
    uint64_t epoch;
    int64_t not_after_s;
    char tier[16];
    struct plan_server servers[MESSAGE_MAX_SERVERS];
    size_t server_count;
    char transport[PLAN_MAX_TRANSPORTS][PLAN_NAME_BYTES]; /* best first */
    size_t transport_count;
    struct plan_step steps[MESSAGE_MAX_STEPS];
    size_t step_count;
    char then[16]; /* see plan_then_check */
    bool kexec;    /* boot-disk may be by kexec */
};

/* An empty plan; NULL = no memory. */
struct plan *plan_new(void);
void plan_free(struct plan *plan);
DEFINE_AUTO(plan, struct plan, plan_free)
#define AUTO_PLAN __attribute__((cleanup(auto_plan))) struct plan

/* The text to sign; the caller frees it; NULL = no memory. */
char *plan_format(const struct plan *plan);
/* Strict: an unknown key anywhere is refused. */
int plan_parse(const char *text, size_t length, struct plan **ret_plan,
               struct err *err);

/* Signs `text`; writes 128 hexadecimal digits and the NUL. */
int plan_sign(const char *text, const struct signing_key *key,
              char ret_signature[MESSAGE_SIGNATURE_BYTES], struct err *err);

/* What an engine demands of a plan beside its signature. */
struct plan_expect {
    const char *site;    /* of the trust file */
    const char *host_id; /* that the session named; NULL = any */
    uint64_t epoch;      /* the highest seen so far */
    int64_t now_s;       /* the server's time as the engine knows it */
};

/* Checks the signature over the exact text, parses it and compares it with
 * `expect`.  Each refusal is one sentence for the console; ERR_VERIFY when
 * the text is not vouched for or not for this machine. */
int plan_verify(const char *text, const char *signature,
                const struct verify_key *keys, size_t key_count,
                const struct plan_expect *expect, struct plan **ret_plan,
                struct err *err);

/* What follows a task: boot-disk, firmware, kexec, reboot, poweroff, stay.
 * Explains in `err` otherwise. */
int plan_then_check(const char *then, struct err *err);

#endif
