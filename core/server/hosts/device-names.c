/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lists are lines: "8086  Intel Corporation", below it with a tab
 * "\t100e  82540EM Gigabit Ethernet Controller", with two tabs subsystems,
 * and further lists ("C 02  Network controller") after all vendors.
 */
#include "core/server/hosts/device-names.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "core/util/file.h"
#include "core/util/json.h"
#include "core/util/log.h"

#define LIST_MAX_BYTES (16 * 1024 * 1024)
#define NAME_MAX_BYTES 200
#define ID_DIGITS 4

/* One line that names something; `id` is not terminated. */
struct named {
    const char *id;
    const char *name;
    size_t length; /* of the name */
};

/* "8086  Intel Corporation": four digits, two spaces, a name. */
static bool parse_line(const char *line, size_t length, struct named *ret)
{
    if (length <= ID_DIGITS + 2 || line[ID_DIGITS] != ' ' ||
        line[ID_DIGITS + 1] != ' ' ||
        strspn(line, "0123456789abcdef") != ID_DIGITS)
        return false;
    *ret = (struct named){line, line + ID_DIGITS + 2,
                          MIN(length - ID_DIGITS - 2, NAME_MAX_BYTES)};
    return true;
}

static bool has_id(const json_t *device, const char *key, const char *id)
{
    const char *text = json_string_value(json_object_get(device, key));
    return text && strlen(text) == ID_DIGITS && !memcmp(text, id, ID_DIGITS);
}

/* A name that is not UTF-8, or for which there is no memory, is left out. */
static void put_name(json_t *device, const char *key, const struct named *named)
{
    json_t *name = json_stringn(named->name, named->length);
    if (name)
        (void)json_object_set_new(device, key, name);
}

/* All devices of this vendor; true when there is one. */
static bool name_vendor(json_t *devices, const struct named *vendor)
{
    bool found = false;
    size_t i;
    json_t *device;
    json_array_foreach(devices, i, device)
    {
        if (!has_id(device, "vendor_id", vendor->id))
            continue;
        put_name(device, "vendor_name", vendor);
        found = true;
    }
    return found;
}

static void name_device(json_t *devices, const char *vendor_id,
                        const struct named *named)
{
    size_t i;
    json_t *device;
    json_array_foreach(devices, i, device)
    {
        if (has_id(device, "vendor_id", vendor_id) &&
            has_id(device, "device_id", named->id))
            put_name(device, "device_name", named);
    }
}

static void read_list(json_t *devices, const char *text)
{
    struct named vendor = {NULL, NULL, 0}, named;
    for (size_t length; *text; text += length + (text[length] == '\n')) {
        length = strcspn(text, "\n");
        bool below = text[0] == '\t';
        if (!parse_line(text + below, length - below, &named)) {
            if (length && text[0] != '#' && text[0] != '\t')
                vendor.id = NULL; /* another list begins */
        } else if (!below) {
            vendor = named;
            if (!name_vendor(devices, &vendor))
                vendor.id = NULL;
        } else if (vendor.id) {
            name_device(devices, vendor.id, &named);
        }
    }
}

static void add_names(json_t *devices, const char *dir, const char *list)
{
    AUTO_BUF text = BUF_INIT(LIST_MAX_BYTES);
    AUTO_FREE char *path = NULL;
    struct err err = ERR_INIT;
    if (json_array_size(devices) == 0)
        return;
    if (asprintf(&path, "%s/%s", dir, list) < 0) {
        path = NULL;
        return;
    }
    if (file_read(AT_FDCWD, path, &text, &err) < 0)
        log_debug("devices stay without names: %s", err.text);
    else
        read_list(devices, buf_text(&text));
}

void device_names_add(json_t *inventory, const char *dir)
{
    add_names(json_object_get(inventory, "pci"), dir, "pci.ids");
    add_names(json_object_get(inventory, "usb"), dir, "usb.ids");
}
