/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/facts/facts.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "core/engine/facts/facts-internal.h"
#include "core/util/buf.h"
#include "core/util/json.h"
#include "core/util/num.h"

#define DMI_MAX (1u << 20)
#define PROC_MAX (4u << 20)

/* The value of "KEY : value" in `line`, or NULL. */
static const char *proc_value(const char *line, const char *key)
{
    size_t length = strlen(key);
    if (strncmp(line, key, length))
        return NULL;
    line += length;
    line += strspn(line, " \t");
    if (*line != ':')
        return NULL;
    line++;
    return line + strspn(line, " \t");
}

static int add_cpu(json_t *facts, const char *root)
{
    AUTO_BUF text = BUF_INIT(PROC_MAX);
    if (facts_read(root, "/proc/cpuinfo", &text))
        return 0;
    json_t *cpu = json_object();
    json_int_t threads = 0;
    char *rest = (char *)text.data;
    for (char *line; rest && (line = strsep(&rest, "\n"));) {
        const char *model = proc_value(line, "model name");
        if (proc_value(line, "processor"))
            threads++;
        if (model && !json_object_get(cpu, "model") &&
            json_object_set_new(cpu, "model", json_string(model))) {
            json_decref(cpu);
            return -1;
        }
    }
    if (json_object_set_new(cpu, "threads", json_integer(threads))) {
        json_decref(cpu);
        return -1;
    }
    return json_object_set_new(facts, "cpu", cpu);
}

/* What the kernel may use: "MemTotal:  1012345 kB". */
static int add_memory(json_t *facts, const char *root)
{
    AUTO_BUF text = BUF_INIT(PROC_MAX);
    if (facts_read(root, "/proc/meminfo", &text))
        return 0;
    const char *at = strstr(buf_text(&text), "MemTotal:");
    if (!at)
        return 0;
    at += strlen("MemTotal:");
    at += strspn(at, " \t");
    AUTO_FREE char *digits = strndup(at, strspn(at, "0123456789"));
    uint64_t kib = 0;
    if (!digits || num_parse_u64(digits, 0, UINT64_MAX >> 11, &kib, NULL))
        return digits ? 0 : -1;
    json_t *memory = facts_object_at(facts, "memory");
    return memory ? json_object_set_new(memory, "bytes",
                                        json_integer((json_int_t)(kib * 1024)))
                  : -1;
}

static int add_disks(json_t *facts, const struct disk_list *disks)
{
    json_t *array = json_array();
    for (size_t i = 0; disks && i < disks->count; i++)
        if (json_array_append_new(array, disk_json(&disks->disks[i]))) {
            json_decref(array);
            return -1;
        }
    return json_object_set_new(facts, "disks", array);
}

static int add_smbios(json_t *facts, const char *root)
{
    AUTO_BUF table = BUF_INIT(DMI_MAX);
    if (facts_read(root, "/sys/firmware/dmi/tables/DMI", &table))
        return 0;
    return facts_add_smbios(facts, table.data, table.length);
}

json_t *facts_collect(const char *root, const struct disk_list *disks,
                      struct err *err)
{
    AUTO_JSON *facts = json_object();
    struct utsname system;
    if (uname(&system) || !facts ||
        json_object_set_new(facts, "machine", json_string(system.machine)) ||
        add_smbios(facts, root) || facts_add_security(facts, root) ||
        add_cpu(facts, root) || add_memory(facts, root) ||
        add_disks(facts, disks) || facts_add_ports(facts, root) ||
        facts_add_devices(facts, root)) {
        (void)err_set(err, ERR_NO_MEMORY, "out of memory for the inventory");
        return NULL;
    }
    return TAKE(facts);
}

static int copy_text(json_t *to, const char *key, const json_t *from,
                     const char *member)
{
    json_t *text = json_object_get(from, member);
    return text ? json_object_set(to, key, text) : 0;
}

json_t *facts_identity(const json_t *facts)
{
    AUTO_JSON *identity = json_object();
    AUTO_JSON *macs = json_array();
    const json_t *system = json_object_get(facts, "system");
    const json_t *firmware = json_object_get(facts, "firmware");
    if (!identity || !macs || copy_text(identity, "uuid", system, "uuid") ||
        copy_text(identity, "serial", system, "serial") ||
        copy_text(identity, "vendor", system, "vendor") ||
        copy_text(identity, "product", system, "product") ||
        copy_text(identity, "firmware", firmware, "kind"))
        return NULL;
    size_t i;
    const json_t *port;
    json_array_foreach(json_object_get(facts, "ports"), i, port)
    {
        json_t *mac = json_object_get(port, "mac");
        if (mac && json_array_append(macs, mac))
            return NULL;
    }
    if (json_object_set(identity, "macs", macs))
        return NULL;
    return TAKE(identity);
}
