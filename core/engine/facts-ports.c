/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/facts-internal.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "core/util/json.h"
#include "core/util/num.h"

#define PORTS_MAX 256
#define SPEED_MAX_MBIT 10000000

/* One line of a small file; "" when it cannot be read. */
static void port_text(const char *folder, const char *name, char *out,
                      size_t size)
{
    AUTO_BUF data = BUF_INIT(8192);
    out[0] = '\0';
    AUTO_FREE char *path = NULL;
    if (asprintf(&path, "/%s", name) < 0) {
        path = NULL;
        return;
    }
    if (facts_read(folder, path, &data))
        return;
    (void)snprintf(out, size, "%.*s", (int)strcspn(buf_text(&data), "\n"),
                   buf_text(&data));
}

/* The last component of what a symbolic link points to. */
static void link_name(const char *folder, const char *name, char *out,
                      size_t size)
{
    char target[PATH_MAX];
    AUTO_FREE char *path = NULL;
    out[0] = '\0';
    if (asprintf(&path, "%s/%s", folder, name) < 0) {
        path = NULL;
        return;
    }
    ssize_t length = readlink(path, target, sizeof(target) - 1);
    if (length <= 0)
        return;
    target[length] = '\0';
    const char *slash = strrchr(target, '/');
    (void)snprintf(out, size, "%.*s", (int)size - 1,
                   slash ? slash + 1 : target);
}

static int put_text(json_t *port, const char *key, const char *text)
{
    return *text ? json_object_set_new(port, key, json_string(text)) : 0;
}

/* "0x8086" -> "8086". */
static const char *without_prefix(const char *text)
{
    return strncmp(text, "0x", 2) ? text : text + 2;
}

static int describe(json_t *port, const char *folder)
{
    char text[128];
    uint64_t speed = 0;
    port_text(folder, "address", text, sizeof(text));
    if (put_text(port, "mac", text))
        return -1;
    port_text(folder, "carrier", text, sizeof(text));
    if (json_object_set_new(port, "link", json_boolean(!strcmp(text, "1"))))
        return -1;
    /* "-1" without a link, and always from virtual cards. */
    port_text(folder, "speed", text, sizeof(text));
    if (!num_parse_u64(text, 1, SPEED_MAX_MBIT, &speed, NULL) &&
        json_object_set_new(port, "speed_mbit",
                            json_integer((json_int_t)speed)))
        return -1;
    link_name(folder, "device/driver", text, sizeof(text));
    if (put_text(port, "driver", text))
        return -1;
    link_name(folder, "device", text, sizeof(text));
    if (put_text(port, "bus", text))
        return -1;
    port_text(folder, "device/vendor", text, sizeof(text));
    if (put_text(port, "vendor_id", without_prefix(text)))
        return -1;
    port_text(folder, "device/device", text, sizeof(text));
    return put_text(port, "device_id", without_prefix(text));
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
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
    if (!port || put_text(port, "name", name) || describe(port, folder))
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
    int count = scandir(top, &entries, NULL, by_name);
    int rc = 0;
    for (int i = 0; i < count; i++) {
        if (!rc && i < PORTS_MAX)
            rc = add_port(ports, top, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return rc;
}
