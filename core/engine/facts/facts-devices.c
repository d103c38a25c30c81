/* SPDX-License-Identifier: Apache-2.0 */
/* What is plugged into the PCI and USB buses, as the buses number it. */
#include "core/engine/facts/facts-internal.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/util/json.h"
#include "core/util/num.h"

#define DEVICES_MAX 512 /* of one bus; keeps a result within a report */
#define SPEED_MAX_MBIT 1000000

/* A file of sysfs that becomes a member. */
struct device_field {
    const char *key;
    const char *file;
};

static int put_fields(json_t *device, const char *folder,
                      const struct device_field *fields, size_t count)
{
    char text[128];
    for (size_t i = 0; i < count; i++) {
        facts_text(folder, fields[i].file, text, sizeof(text));
        if (facts_put_text(device, fields[i].key, facts_without_prefix(text)))
            return -1;
    }
    return 0;
}

static int describe_pci(json_t *device, const char *folder, const char *name)
{
    static const struct device_field fields[] = {
        {"class", "class"},
        {"vendor_id", "vendor"},
        {"device_id", "device"},
        {"subsystem_vendor_id", "subsystem_vendor"},
        {"subsystem_device_id", "subsystem_device"},
        {"revision", "revision"}};
    char driver[64];
    facts_link_name(folder, "driver", driver, sizeof(driver));
    if (facts_put_text(device, "address", name) ||
        put_fields(device, folder, fields, ARRAY_LENGTH(fields)))
        return -1;
    return facts_put_text(device, "driver", driver);
}

static int describe_usb(json_t *device, const char *folder, const char *name)
{
    static const struct device_field fields[] = {
        {"class", "bDeviceClass"},  {"vendor_id", "idVendor"},
        {"device_id", "idProduct"}, {"vendor", "manufacturer"},
        {"product", "product"},     {"serial", "serial"}};
    char speed[16];
    uint64_t mbit = 0;
    if (facts_put_text(device, "path", name) ||
        put_fields(device, folder, fields, ARRAY_LENGTH(fields)))
        return -1;
    /* "1.5" of the slowest devices is left out. */
    facts_text(folder, "speed", speed, sizeof(speed));
    if (num_parse_u64(speed, 1, SPEED_MAX_MBIT, &mbit, NULL))
        return 0;
    return json_object_set_new(device, "speed_mbit",
                               json_integer((json_int_t)mbit));
}

struct bus {
    const char *key;
    const char *folder;
    const char *proof; /* only a device has this file */
    int (*describe)(json_t *device, const char *folder, const char *name);
};

static int add_device(json_t *devices, const struct bus *bus, const char *top,
                      const char *name)
{
    AUTO_FREE char *folder = NULL;
    AUTO_FREE char *proof = NULL;
    if (asprintf(&folder, "%s/%s", top, name) < 0)
        folder = NULL;
    if (asprintf(&proof, "%s/%s/%s", top, name, bus->proof) < 0)
        proof = NULL;
    if (!folder || !proof)
        return -1;
    if (name[0] == '.' || access(proof, R_OK))
        return 0; /* of USB: an interface of a device */
    AUTO_JSON *device = json_object();
    if (!device || bus->describe(device, folder, name))
        return -1;
    return json_array_append(devices, device);
}

static int add_bus(json_t *facts, const char *root, const struct bus *bus)
{
    struct dirent **entries = NULL;
    json_t *devices = json_array();
    AUTO_FREE char *top = NULL;
    int rc = 0;
    if (json_object_set_new(facts, bus->key, devices))
        return -1;
    if (asprintf(&top, "%s%s", root, bus->folder) < 0) {
        top = NULL;
        return -1;
    }
    /* No such bus: the list is empty. */
    int count = scandir(top, &entries, NULL, facts_by_name);
    for (int i = 0; i < count; i++) {
        if (!rc && json_array_size(devices) < DEVICES_MAX)
            rc = add_device(devices, bus, top, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return rc;
}

int facts_add_devices(json_t *facts, const char *root)
{
    static const struct bus buses[] = {
        {"pci", "/sys/bus/pci/devices", "vendor", describe_pci},
        {"usb", "/sys/bus/usb/devices", "idVendor", describe_usb}};
    for (size_t i = 0; i < ARRAY_LENGTH(buses); i++)
        if (add_bus(facts, root, &buses[i]))
            return -1;
    return 0;
}
