/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the site wants a machine to do that asks to boot: load the engine when
 * a task is armed, otherwise start its own disk (DESIGN: many machines ask at
 * every power-on, so the answer comes from memory).
 *
 * Guards against loops: an armed task whose engine never connects fails after
 * POLICY_ENGINE_BOOTS boots, and a machine that keeps asking although it is
 * sent to its disk is reported once it has done so POLICY_LOCAL_BOOTS times.
 */
#ifndef CORE_SERVER_BOOT_POLICY_H
#define CORE_SERVER_BOOT_POLICY_H

#include "core/server/dhcp/dhcp.h"
#include "core/server/hosts/host.h"
#include "core/server/sessions/ticket.h"

#define POLICY_ENGINE_BOOTS 3 /* without a session, then the task fails */
#define POLICY_LOCAL_BOOTS 10 /* within POLICY_LOCAL_WINDOW_MS each */
#define POLICY_STYLE_LABEL "proxy-style" /* of a host: proxy_style_parse */
#define POLICY_LOCAL_WINDOW_MS (2 * 60 * 1000)
/* Requests of one machine this close together belong to one boot: DISCOVER,
 * REQUEST and the boot-server request, and repetitions of these. */
#define POLICY_SAME_BOOT_MS 15000

struct policy;
struct enrol;
struct registry;

struct policy_spec {
    struct loop *loop;
    struct hosts *hosts;
    struct tasks *tasks;
    struct tickets *tickets;
    struct enrol *enrol;       /* NULL = unknown machines boot their disk */
    struct registry *registry; /* arch plugins; NULL = none (tests) */
    /* Published engine file by machine and role, NULL = none. */
    const char *(*engine_file)(void *arg, const char *machine,
                               const char *role);
    void (*event)(void *arg, const char *id, json_t *json); /* steals json */
    void *arg;
};

struct policy *policy_new(const struct policy_spec *spec, struct err *err);
void policy_free(struct policy *policy);
/* What the DHCP server asks; borrowed from `policy`. */
void policy_fill(struct policy *policy, struct dhcp_policy *ret);

#endif
