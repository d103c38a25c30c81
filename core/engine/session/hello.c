/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/session/hello.h"

#include <stdio.h>
#include <string.h>

#include "config.h"
#include "core/engine/facts/facts.h"
#include "core/util/json.h"

static void take_text(const json_t *from, const char *key, char *out,
                      size_t size)
{
    const char *text = json_string_value(json_object_get(from, key));

    (void)snprintf(out, size, "%s", text ? text : "");
    for (char *at = out; *at; at++)
        if (*at < ' ' || *at > '~')
            *at = '?';
}

static void take_macs(const json_t *from, struct message_facts *facts)
{
    const json_t *macs = json_object_get(from, "macs");

    for (size_t i = 0; i < json_array_size(macs); i++) {
        const char *mac = json_string_value(json_array_get(macs, i));
        if (!mac || strlen(mac) != sizeof(facts->macs[0]) - 1 ||
            facts->mac_count == MESSAGE_MAX_MACS)
            continue;
        memcpy(facts->macs[facts->mac_count++], mac, sizeof(facts->macs[0]));
    }
}

void hello_from_facts(const json_t *facts, struct message_hello *ret)
{
    /* A test's machine may be no more than these few members. */
    AUTO_JSON *identity = json_object_get(facts, "macs")
                              ? json_incref((json_t *)facts)
                              : facts_identity(facts);
    struct message_facts *to = &ret->facts;

    memset(ret, 0, sizeof(*ret));
    ret->protocol = MESSAGE_PROTOCOL;
    (void)snprintf(ret->version, sizeof(ret->version), "%s", PACKAGE_VERSION);
    (void)snprintf(ret->machine, sizeof(ret->machine), "%s", SLIPWAY_MACHINE);
    take_text(identity, "uuid", to->uuid, sizeof(to->uuid));
    take_text(identity, "serial", to->serial, sizeof(to->serial));
    take_text(identity, "vendor", to->vendor, sizeof(to->vendor));
    take_text(identity, "product", to->product, sizeof(to->product));
    take_text(identity, "firmware", to->firmware, sizeof(to->firmware));
    take_macs(identity, to);
}
