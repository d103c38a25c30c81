/* SPDX-License-Identifier: Apache-2.0 */
/* Which plugins are enabled, with which bytes: see registry.h. */
#include "core/plugin/registry.h"

#include <stdio.h>
#include <string.h>

#include "core/plugin/registry-internal.h"
#include "core/util/json.h"

#define MAX_ENTRIES 512 /* enabled at once */

struct registry {
    char *dir;
    uid_t owner;
    struct registry_entry *entries[MAX_ENTRIES]; /* by kind and name */
    size_t count;
};

struct registry *registry_new(const char *dir, uid_t owner, struct err *err)
{
    struct registry *registry = calloc(1, sizeof(*registry));
    char *copy = strdup(dir);
    if (!registry || !copy) {
        free(registry);
        free(copy);
        (void)err_set(err, ERR_NO_MEMORY, "out of memory");
        return NULL;
    }
    registry->dir = copy;
    registry->owner = owner;
    return registry;
}

static void entry_free(struct registry_entry *entry)
{
    if (!entry)
        return;
    json_decref(entry->document);
    plugin_info_free(entry->info);
    free(entry->problem);
    free(entry);
}
DEFINE_AUTO(registry_entry, struct registry_entry, entry_free)

void registry_free(struct registry *registry)
{
    if (!registry)
        return;
    for (size_t i = 0; i < registry->count; i++)
        entry_free(registry->entries[i]);
    free(registry->dir);
    free(registry);
}

const char *registry_dir(const struct registry *registry)
{
    return registry->dir;
}

uid_t registry_owner(const struct registry *registry)
{
    return registry->owner;
}

/* Where KIND/NAME stands, or would stand. */
static size_t find_slot(const struct registry *registry, uint32_t kind,
                        const char *name, bool *ret_found)
{
    size_t i = 0;
    int order = 1;
    for (; i < registry->count; i++) {
        const struct registry_entry *entry = registry->entries[i];
        order = entry->kind != kind ? (entry->kind < kind ? -1 : 1)
                                    : strcmp(entry->name, name);
        if (order >= 0)
            break;
    }
    *ret_found = i < registry->count && order == 0;
    return i;
}

const struct registry_entry *registry_find(const struct registry *registry,
                                           uint32_t kind, const char *name)
{
    bool found;
    size_t slot = find_slot(registry, kind, name, &found);
    return found ? registry->entries[slot] : NULL;
}

const struct registry_entry *registry_at(const struct registry *registry,
                                         size_t index)
{
    return index < registry->count ? registry->entries[index] : NULL;
}

static int put_entry(struct registry *registry, struct registry_entry *entry,
                     struct err *err)
{
    bool found;
    size_t slot = find_slot(registry, entry->kind, entry->name, &found);
    if (found) {
        entry_free(registry->entries[slot]);
    } else if (registry->count == MAX_ENTRIES) {
        entry_free(entry);
        return err_set(err, ERR_TOO_BIG,
                       "%d plugins are enabled; disable one first",
                       MAX_ENTRIES);
    } else {
        memmove(&registry->entries[slot + 1], &registry->entries[slot],
                (registry->count - slot) * sizeof(registry->entries[0]));
        registry->count++;
    }
    registry->entries[slot] = entry;
    return 0;
}

void registry_remove(struct registry *registry, uint32_t kind, const char *name)
{
    bool found;
    size_t slot = find_slot(registry, kind, name, &found);
    if (!found)
        return;
    entry_free(registry->entries[slot]);
    registry->count--;
    memmove(&registry->entries[slot], &registry->entries[slot + 1],
            (registry->count - slot) * sizeof(registry->entries[0]));
}

/* The digests' keys and values. */
static int check_digests(struct json_reader *r, const json_t *digests,
                         struct err *err)
{
    const char *machine;
    json_t *value;
    struct digest digest;
    json_object_foreach((json_t *)digests, machine, value)
    {
        if (!machine_find(machine) || !json_is_string(value) ||
            digest_parse(json_string_value(value), &digest, NULL))
            return json_reader_fail(r, "digests",
                                    "holds no SHA-256 for a known machine at "
                                    "'%.32s'",
                                    machine);
    }
    (void)err; /* the reader's own */
    return 0;
}

static struct registry_entry *parse_entry(const json_t *document,
                                          struct err *err)
{
    struct json_reader r;
    __attribute__((cleanup(auto_registry_entry))) struct registry_entry *entry =
        calloc(1, sizeof(*entry));
    if (!entry) {
        (void)err_set(err, ERR_NO_MEMORY, "out of memory");
        return NULL;
    }
    json_reader_init(&r, document, "", err);
    (void)json_get_u64(&r, "schema", 1, 1);
    entry->kind = kind_find(json_get_text(&r, "kind"));
    const char *name = json_get_text(&r, "name");
    (void)json_get_text(&r, "version");
    (void)json_get_text(&r, "by");
    (void)json_get_u64(&r, "at_s", 0, INT64_MAX);
    const json_t *digests = json_get_object(&r, "digests");
    if (!r.code && (!entry->kind || !plugin_name_ok(name)))
        (void)json_reader_fail(&r, "name", "is not the id of a plugin");
    if (!r.code)
        (void)check_digests(&r, digests, err);
    if (json_done(&r))
        return NULL;
    (void)snprintf(entry->name, sizeof(entry->name), "%s", name);
    entry->document = json_incref((json_t *)document);
    return TAKE(entry);
}

static int entry_digest(const struct registry_entry *entry, const char *machine,
                        struct digest *ret)
{
    const json_t *digests = json_object_get(entry->document, "digests");
    const char *hex = json_string_value(json_object_get(digests, machine));
    return hex ? digest_parse(hex, ret, NULL) : ERR_NOT_FOUND;
}

/* Describes the enabled file, own machine's first, and checks that it still is
 * what was enabled. */
static int refresh_info(const struct registry *registry,
                        struct registry_entry *entry, struct err *err)
{
    const json_t *digests = json_object_get(entry->document, "digests");
    const char *own = machine_own()->name;
    bool has_own = json_object_get(digests, own) != NULL;
    const char *machine;
    json_t *value;
    json_object_foreach((json_t *)digests, machine, value)
    {
        if (has_own && strcmp(machine, own))
            continue;
        struct digest expected;
        struct plugin_place place = {registry->dir, machine, entry->kind,
                                     entry->name, registry->owner};
        int code = registry_describe(&place, &entry->info, err);
        if (code)
            return code;
        code = entry_digest(entry, machine, &expected);
        if (!code && !digest_equal(&expected, &entry->info->digest))
            code = err_set(err, ERR_VERIFY,
                           "%s plugin '%s' for %s is refused: its file was "
                           "changed after it was enabled; enable it again if "
                           "that was intended",
                           kind_word(entry->kind), entry->name, machine);
        return code;
    }
    return err_set(err, ERR_NOT_FOUND, "%s plugin '%s' has no file",
                   kind_word(entry->kind), entry->name);
}

/* Arch plugins run in this process; a machine without its own file of one
 * cannot use it. */
static int load_arch(const struct registry *registry,
                     struct registry_entry *entry, struct err *err)
{
    struct digest digest;
    struct plugin_place place = {registry->dir, machine_own()->name,
                                 entry->kind, entry->name, registry->owner};
    if (entry->kind != SLIPWAY_KIND_ARCH)
        return 0;
    if (entry_digest(entry, place.machine, &digest))
        return err_set(err, ERR_NOT_FOUND,
                       "arch plugin '%s' was not enabled for %s, this "
                       "server's machine",
                       entry->name, place.machine);
    return plugin_load_file(&place, &digest, &entry->plugin, err);
}

int registry_apply(struct registry *registry, const json_t *document,
                   struct err *err)
{
    struct err why = ERR_INIT;
    struct registry_entry *entry = parse_entry(document, &why);
    if (!entry)
        return err_set(err, why.code, "an enabled plugin's record: %s",
                       why.text);
    int problem = refresh_info(registry, entry, &why);
    if (!problem)
        problem = load_arch(registry, entry, &why);
    if (problem) {
        entry->problem = strdup(why.text);
        plugin_info_free(TAKE(entry->info));
    }
    int code = put_entry(registry, entry, err);
    return !code && problem ? err_set(err, problem, "%s", why.text) : code;
}

int registry_digest(const struct registry *registry, uint32_t kind,
                    const char *name, const char *machine, struct digest *ret,
                    struct err *err)
{
    const struct registry_entry *entry = registry_find(registry, kind, name);
    const char *word = kind_word(kind) ? kind_word(kind) : "the";
    if (!entry)
        return err_set(err, ERR_NOT_FOUND,
                       "%s plugin '%s' is not enabled; enable it with "
                       "'slipway plugin enable %s/%s'",
                       word, name, word, name);
    if (entry_digest(entry, machine, ret))
        return err_set(err, ERR_NOT_FOUND,
                       "%s plugin '%s' is not there for machines of type %s",
                       word, name, machine);
    return 0;
}

int registry_open(const struct registry *registry, uint32_t kind,
                  const char *name, const char *machine, int *ret_fd,
                  struct digest *ret_digest, struct err *err)
{
    struct digest enabled, found;
    int fd = -1;
    int code = registry_digest(registry, kind, name, machine, &enabled, err);
    if (code)
        return code;
    struct plugin_place place = {registry->dir, machine, kind, name,
                                 registry->owner};
    code = plugin_file_open(&place, &fd, &found, err);
    if (code)
        return code;
    if (!digest_equal(&enabled, &found)) {
        (void)close(fd); /* a sealed copy that nobody will read */
        return err_set(err, ERR_VERIFY,
                       "%s plugin '%s' for %s is refused: its file was "
                       "changed after it was enabled; enable it again if "
                       "that was intended",
                       kind_word(kind), name, machine);
    }
    *ret_fd = fd;
    *ret_digest = enabled;
    return 0;
}

int registry_open_digest(const struct registry *registry,
                         const struct digest *digest, int *ret_fd,
                         struct err *err)
{
    char hex[DIGEST_HEX_BYTES];
    for (size_t i = 0; i < registry->count; i++) {
        const struct registry_entry *entry = registry->entries[i];
        const struct machine *machine;
        struct digest one;
        for (size_t m = 0; (machine = machine_at(m)); m++)
            if (!entry_digest(entry, machine->name, &one) &&
                digest_equal(&one, digest))
                return registry_open(registry, entry->kind, entry->name,
                                     machine->name, ret_fd, &one, err);
    }
    return err_set(err, ERR_NOT_FOUND, "no enabled plugin has the digest %s",
                   digest_hex(digest, hex));
}
