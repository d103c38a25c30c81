/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/facts/facts-internal.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "core/util/json.h"
#include "core/util/num.h"

#define PORTS_MAX 256
#define SPEED_MAX_MBIT 10000000

static int describe(json_t *port, const char *folder)
{
    char text[128];
    uint64_t speed = 0;
    facts_text(folder, "address", text, sizeof(text));
    if (facts_put_text(port, "mac", text))
        return -1;
    facts_text(folder, "carrier", text, sizeof(text));
    if (json_object_set_new(port, "link", json_boolean(!strcmp(text, "1"))))
        return -1;
    /* "-1" without a link, and always from virtual cards. */
    facts_text(folder, "speed", text, sizeof(text));
    if (!num_parse_u64(text, 1, SPEED_MAX_MBIT, &speed, NULL) &&
        json_object_set_new(port, "speed_mbit",
                            json_integer((json_int_t)speed)))
        return -1;
    facts_link_name(folder, "device/driver", text, sizeof(text));
    if (facts_put_text(port, "driver", text))
        return -1;
    facts_link_name(folder, "device", text, sizeof(text));
    if (facts_put_text(port, "bus", text))
        return -1;
    facts_text(folder, "device/vendor", text, sizeof(text));
    if (facts_put_text(port, "vendor_id", facts_without_prefix(text)))
        return -1;
    facts_text(folder, "device/device", text, sizeof(text));
    return facts_put_text(port, "device_id", facts_without_prefix(text));
}

static int add_port(json_t *ports, const char *top, const char *name)
{
    AUTO_FREE char *folder = NULL;
    AUTO_FREE char *device = NULL;
    if (asprintf(&folder, "%s/%s", top, name) < 0)
        folder = NULL;
    if (asprintf(&device, "%s/%s/device", top, name) < 0)
        device = NULL;
    if (!folder || !device)
        return -1;
    if (name[0] == '.' || access(device, F_OK))
        return 0; /* no hardware: lo, bridges */
    AUTO_JSON *port = json_object();
    if (!port || facts_put_text(port, "name", name) || describe(port, folder))
        return -1;
    return json_array_append(ports, port);
}

int facts_add_ports(json_t *facts, const char *root)
{
    json_t *ports = json_array();
    if (json_object_set_new(facts, "ports", ports))
        return -1;
    AUTO_FREE char *top = NULL;
    if (asprintf(&top, "%s/sys/class/net", root) < 0) {
        top = NULL;
        return -1;
    }
    struct dirent **entries = NULL;
    int count = scandir(top, &entries, NULL, facts_by_name);
    int rc = 0;
    for (int i = 0; i < count; i++) {
        if (!rc && i < PORTS_MAX)
            rc = add_port(ports, top, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return rc;
}
