/* SPDX-License-Identifier: Apache-2.0 */
#include "core/server/boot/policy.h"

#include <stdio.h>
#include <string.h>

#include "core/plugin/registry.h"
#include "core/server/hosts/enrol.h"
#include "core/server/store/table.h"
#include "core/util/log.h"

#define MAX_SEEN 4096
#define PURGE_EVERY_MS 1000

/* One machine's last boots, by MAC address. */
struct boot_seen {
    char mac[IDENTITY_MAC_BYTES];
    uint64_t began_ms;
    uint32_t kind;   /* of its newest request */
    uint32_t locals; /* times in a row that it was sent to its disk */
};

struct policy {
    struct policy_spec spec;
    struct table seen; /* struct boot_seen */
    uint64_t purged_ms;
};

struct policy *policy_new(const struct policy_spec *spec, struct err *err)
{
    struct policy *policy = calloc(1, sizeof(*policy));
    if (!policy) {
        (void)err_set(err, ERR_NO_MEMORY, "out of memory for the boot policy");
        return NULL;
    }
    policy->spec = *spec;
    return policy;
}

void policy_free(struct policy *policy)
{
    if (!policy)
        return;
    for (size_t i = 0; i < policy->seen.count; i++)
        free(policy->seen.entries[i].value);
    table_done(&policy->seen);
    free(policy);
}

/* --- boots -------------------------------------------------------------- */

/* Forgets machines that were quiet for a while.  It looks at all of them, so
 * not for each packet of a flood. */
static void purge(struct policy *policy, uint64_t now_ms)
{
    if (policy->purged_ms && now_ms - policy->purged_ms < PURGE_EVERY_MS)
        return;
    policy->purged_ms = now_ms;
    for (size_t i = policy->seen.count; i-- > 0;) {
        struct boot_seen *seen = policy->seen.entries[i].value;
        if (now_ms - seen->began_ms > POLICY_LOCAL_WINDOW_MS)
            free(table_remove(&policy->seen, seen->mac));
    }
}

static struct boot_seen *seen_get(struct policy *policy, const char *mac,
                                  uint64_t now_ms)
{
    struct boot_seen *seen = table_find(&policy->seen, mac);
    if (seen)
        return seen;
    if (policy->seen.count >= MAX_SEEN)
        purge(policy, now_ms);
    if (policy->seen.count >= MAX_SEEN)
        return NULL;
    seen = calloc(1, sizeof(*seen));
    if (!seen)
        return NULL;
    snprintf(seen->mac, sizeof(seen->mac), "%s", mac);
    if (table_add(&policy->seen, seen->mac, seen)) {
        free(seen);
        return NULL;
    }
    return seen;
}

/* True when this request begins a boot, and not when it belongs to the one
 * whose first request was already seen. */
static bool begins_boot(struct boot_seen *seen, uint32_t kind, uint64_t now_ms)
{
    bool again = !seen->began_ms ||
                 now_ms - seen->began_ms >= POLICY_SAME_BOOT_MS ||
                 (kind == SLIPWAY_BOOT_DHCP_DISCOVER && seen->kind != kind);
    seen->kind = kind;
    return again;
}

static void local_boot(struct policy *policy, struct boot_seen *seen,
                       bool again, struct boot_decision *ret)
{
    uint64_t now = loop_now_ms(policy->spec.loop);
    ret->intent = SLIPWAY_INTENT_LOCAL;
    if (!seen)
        return;
    if (again) {
        bool soon =
            seen->began_ms && now - seen->began_ms < POLICY_LOCAL_WINDOW_MS;
        seen->locals = soon ? seen->locals + 1 : 1;
        if (seen->locals == POLICY_LOCAL_BOOTS)
            policy->spec.event(policy->spec.arg, "host-boot-loop",
                               json_pack("{s:s, s:s, s:s, s:i}", "mac",
                                         seen->mac, "host", ret->host_id,
                                         "host_name", ret->host_name, "boots",
                                         POLICY_LOCAL_BOOTS));
    }
    ret->attempt = seen->locals;
}

static void known_host(struct policy *policy, const struct host *host,
                       struct boot_seen *seen, bool again,
                       struct boot_decision *ret)
{
    struct tasks *tasks = policy->spec.tasks;
    struct task *task = task_of_host(tasks, host->id);
    if (task && task_firmware_boots(tasks, task, again)) {
        ret->intent = SLIPWAY_INTENT_ENGINE;
        ret->attempt = MAX(task_boots(task), 1);
        if (seen)
            seen->locals = 0;
        snprintf(ret->reason, sizeof(ret->reason), "task %s is %s",
                 task->now.id, task_state_word(task->now.state));
        return;
    }
    local_boot(policy, seen, again, ret);
    if (task)
        snprintf(ret->reason, sizeof(ret->reason),
                 "task %s is %s and does not want the engine", task->now.id,
                 task_state_word(task->now.state));
    else
        snprintf(ret->reason, sizeof(ret->reason), "no task is armed");
}

/* One machine's way to be told its boot file beside another DHCP server. */
static void read_proxy_style(const struct host *host, struct boot_decision *ret)
{
    const char *label =
        json_string_value(json_object_get(host->labels, POLICY_STYLE_LABEL));
    if (label && proxy_style_parse(label, &ret->proxy_style) < 0)
        log_warn("ignoring the label '%s' of host '%s', '%.64s': it is "
                 "neither 'direct' nor 'boot-server'",
                 POLICY_STYLE_LABEL, host->name, label);
}

static void unknown_host(struct policy *policy, const char *mac,
                         struct boot_seen *seen, bool again,
                         struct boot_decision *ret)
{
    struct enrol *enrol = policy->spec.enrol;
    if (enrol && enrol_wants(enrol, mac, again)) {
        ret->intent = SLIPWAY_INTENT_ENGINE;
        ret->attempt = 1;
        snprintf(ret->reason, sizeof(ret->reason),
                 "unknown machine while enrolment is open");
        return;
    }
    local_boot(policy, seen, again, ret);
    snprintf(ret->reason, sizeof(ret->reason), "unknown machine");
}

static void decide(void *arg, const struct boot_client *client,
                   uint32_t request_kind, struct boot_decision *ret)
{
    struct policy *policy = arg;
    const struct host *host = NULL;
    uint64_t now = loop_now_ms(policy->spec.loop);
    bool firmware = *client->arch != '\0';
    memset(ret, 0, sizeof(*ret));
    enum host_match match =
        host_identify(policy->spec.hosts, client->mac, client->uuid, &host);
    if (match == HOST_KNOWN) {
        memcpy(ret->host_id, host->id, sizeof(ret->host_id));
        memcpy(ret->host_name, host->name, sizeof(ret->host_name));
        memcpy(ret->reserved_address, host->reserved_address,
               sizeof(ret->reserved_address));
        read_proxy_style(host, ret);
    }
    if (!firmware) {
        snprintf(ret->reason, sizeof(ret->reason), "not a firmware");
        return;
    }
    struct boot_seen *seen = seen_get(policy, client->mac, now);
    bool again =
        seen && !client->loader && begins_boot(seen, request_kind, now);
    if (match == HOST_KNOWN) {
        if (strcmp(host->arch, client->arch) != 0)
            host_learn(policy->spec.hosts, host->id,
                       &(struct host_news){.arch = client->arch}, NULL, NULL);
        known_host(policy, host, seen, again, ret);
    } else if (match == HOST_CONFLICT) {
        host_conflict_seen(policy->spec.hosts, host, client->mac, client->uuid);
        local_boot(policy, seen, again, ret);
        snprintf(ret->reason, sizeof(ret->reason),
                 "its MAC address and its UUID belong to different hosts");
    } else {
        host_unknown_seen(policy->spec.hosts, client->mac, client->uuid,
                          client->arch);
        unknown_host(policy, client->mac, seen, again, ret);
    }
    if (seen && again)
        seen->began_ms = now;
}

/* --- the other questions of DHCP ---------------------------------------- */

static void rendezvous(void *arg, const struct boot_client *client,
                       const char *ciaddr,
                       void (*done)(void *done_arg, const char *ticket),
                       void *done_arg)
{
    struct policy *policy = arg;
    const struct host *host = NULL;
    struct task *task = NULL;
    enum host_match match =
        host_identify(policy->spec.hosts, client->mac, client->uuid, &host);
    if (match == HOST_CONFLICT)
        host_conflict_seen(policy->spec.hosts, host, client->mac, client->uuid);
    else if (match == HOST_KNOWN)
        task = task_of_host(policy->spec.tasks, host->id);
    if (task)
        ticket_issue(policy->spec.tickets, task, ciaddr, done, done_arg);
    else
        done(done_arg, NULL);
}

static const struct slipway_arch_plugin *
recognise(void *arg, const struct slipway_boot_request *request)
{
    const struct policy *policy = arg;
    const struct slipway_arch_plugin *best = NULL;
    const struct registry_entry *entry;
    int best_score = 0;
    if (!policy->spec.registry)
        return NULL;
    /* Entries come in the order of names, so the first of equals wins. */
    for (size_t i = 0; (entry = registry_at(policy->spec.registry, i)); i++) {
        if (entry->kind != SLIPWAY_KIND_ARCH || !entry->plugin)
            continue;
        int score = entry->plugin->as.arch.recognise(request);
        if (score > best_score) {
            best_score = score;
            best = &entry->plugin->as.arch;
        }
    }
    return best;
}

static const char *engine_file(void *arg, const char *machine, const char *role)
{
    const struct policy *policy = arg;
    return policy->spec.engine_file
               ? policy->spec.engine_file(policy->spec.arg, machine, role)
               : NULL;
}

static const char *host_label(void *arg, const char *host_id, const char *name)
{
    const struct policy *policy = arg;
    const struct host *host = host_find(policy->spec.hosts, host_id);
    return host ? json_string_value(json_object_get(host->labels, name)) : NULL;
}

/* An address that belongs to another machine is not given from the pool. */
static bool reserved(void *arg, const char *address, const char *mac)
{
    const struct policy *policy = arg;
    const struct host *host = host_find_reserved(policy->spec.hosts, address);
    if (!host)
        return false;
    for (size_t i = 0; i < host->mac_count; i++)
        if (strcmp(host->macs[i], mac) == 0)
            return false;
    return true;
}

static void event(void *arg, const char *id, void *json)
{
    const struct policy *policy = arg;
    policy->spec.event(policy->spec.arg, id, json);
}

void policy_fill(struct policy *policy, struct dhcp_policy *ret)
{
    *ret = (struct dhcp_policy){
        .arg = policy,
        .decide = decide,
        .rendezvous = rendezvous,
        .recognise = recognise,
        .engine_file = engine_file,
        .host_label = host_label,
        .event = event,
        .reserved = reserved,
    };
}
