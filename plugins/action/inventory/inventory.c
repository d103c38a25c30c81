/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The action plugin `inventory`: what this machine is made of, how its disks
 * are, who made its TPM and which switches it is plugged into become the
 * step's result.  It changes nothing and needs no disk.
 */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include <slipway/action.h>

#include "health.h"
#include "neighbours.h"
#include "tpm.h"

enum { LLDP_WAIT };

static const struct slipway_param params[] = {
    SLIPWAY_PARAM(.name = "lldp_wait_s", .type = SLIPWAY_PARAM_NUMBER,
                  .default_text = "0", .max = 120,
                  .help = "How many seconds to wait for the switches' LLDP "
                          "frames, which usually come every 30 s."),
};

/*
 * The text of the result.  A machine with hundreds of devices can exceed what
 * a result may hold: then what a person misses least goes first and
 * `left_out` says so.  NULL = no memory.
 */
static char *text_of(const struct slipway_action_host *host, json_t *facts)
{
    static const char *const spare[] = {"usb", "pci", "ports"};
    for (size_t i = 0;; i++) {
        char *text = json_dumps(facts, JSON_COMPACT);
        if (!text || strlen(text) <= SLIPWAY_RESULT_BYTES ||
            i == sizeof(spare) / sizeof(spare[0]))
            return text;
        free(text);
        json_t *left_out = json_object_get(facts, "left_out");
        if (!left_out) {
            left_out = json_array();
            if (json_object_set_new(facts, "left_out", left_out))
                return NULL;
        }
        (void)json_object_del(facts, spare[i]);
        if (json_array_append_new(left_out, json_string(spare[i])))
            return NULL;
        host->log(host, SLIPWAY_LOG_WARN,
                  "the machine has more devices than an inventory can hold; "
                  "'left_out' names what is missing");
    }
}

static int report(const struct slipway_action_host *host, json_t *facts)
{
    char *text = text_of(host, facts);
    int code = text ? host->result(host, text)
                    : host->fail(host, SLIPWAY_EINTERNAL,
                                 "not enough memory for the inventory");
    free(text);
    return code;
}

static int run(const struct slipway_action_host *host)
{
    const char *text = "{}";
    uint64_t wait_s = 0;
    int code = host->facts(host, &text);
    if (code == SLIPWAY_OK)
        code = host->param_number(host, LLDP_WAIT, &wait_s);
    if (code != SLIPWAY_OK)
        return code;
    json_t *facts = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    if (!facts)
        return host->fail(host, SLIPWAY_EINTERNAL,
                          "not enough memory for the inventory");
    host->progress(host, 100, "asking the disks for their health");
    code = health_add(host, json_object_get(facts, "disks"), HEALTH_LIMIT_MS,
                      health_ask);
    if (code == SLIPWAY_OK)
        code = tpm_add(host, facts);
    if (code == SLIPWAY_OK) {
        host->progress(host, 500, "listening for the switches");
        code = neighbours_add(host, json_object_get(facts, "ports"),
                              wait_s * 1000);
    }
    if (code == SLIPWAY_OK)
        code = report(host, facts);
    json_decref(facts);
    return code;
}

SLIPWAY_ACTION_PLUGIN(
        .name = "inventory", .version = PLUGIN_VERSION,
        .summary = "Reports what the machine is made of; changes nothing.",
        .params = params, .params_count = sizeof(params) / sizeof(params[0]),
        .timeout_ms = 300000, .run = run);
