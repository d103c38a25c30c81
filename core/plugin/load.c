/* SPDX-License-Identifier: Apache-2.0 */
/* From a sealed memory file to running code: see load.h. */
#include "core/plugin/load.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "core/plugin/elf-check.h"
#include "core/plugin/load-internal.h"
#include "core/plugin/params.h"

#define DESCRIPTOR_MAX_BYTES 4096
#define SEALS (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK)

/* Everything that was loaded.  Each keeps its descriptor open: the dynamic
 * loader knows objects by the name they were opened with, and a reused
 * descriptor number would give the previous plugin back. */
struct loaded {
    struct plugin plugin;
    int fd;
    struct loaded *next;
};
static struct loaded *all_loaded;

static const struct plugin *find_loaded(uint32_t kind, const char *name,
                                        const struct digest *digest)
{
    for (struct loaded *l = all_loaded; l; l = l->next)
        if (l->plugin.kind == kind && !strcmp(l->plugin.name, name) &&
            digest_equal(&l->plugin.digest, digest))
            return &l->plugin;
    return NULL;
}

/* The file's bytes, mapped, before anything of it is believed. */
static int map_sealed(int fd, void **ret_data, size_t *ret_length,
                      struct err *err)
{
    struct stat status;
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & SEALS) != SEALS)
        return err_set(err, ERR_INVALID,
                       "it did not arrive as a sealed memory file");
    if (fstat(fd, &status))
        return err_set_errno(err, ERR_IO, errno, "cannot look at it");
    if (status.st_size <= 0 || status.st_size > (off_t)PLUGIN_MAX_BYTES)
        return err_set(err, ERR_TOO_BIG,
                       "it has %lld bytes; a plugin has 1 to %u",
                       (long long)status.st_size, PLUGIN_MAX_BYTES);
    size_t length = (size_t)status.st_size;
    void *data = mmap(NULL, length, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED)
        return err_set_errno(err, ERR_IO, errno, "cannot read it");
    *ret_data = data;
    *ret_length = length;
    return 0;
}

static int check_bytes(int fd, uint32_t kind, const struct digest *expected,
                       struct digest *ret_digest, struct err *err)
{
    void *data = NULL;
    size_t length = 0;
    int code = map_sealed(fd, &data, &length, err);
    if (code)
        return code;
    digest_of(data, length, ret_digest);
    if (expected && !digest_equal(expected, ret_digest))
        code = err_set(err, ERR_VERIFY,
                       "its file was changed after it was enabled; enable it "
                       "again if that was intended");
    else
        code = elf_check(data, length, kind, err);
    (void)munmap(data, length); /* cannot fail for a mapping of ours */
    return code;
}

static const struct slipway_plugin *open_code(int fd, struct err *err)
{
    char path[32];
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    const char *why = handle ? NULL : dlerror();
    if (!handle) {
        /* The loader begins its sentence with our name for the file. */
        size_t own = why ? strlen(path) + 2 : 0;
        (void)err_set(err, ERR_INVALID, "the dynamic loader refuses it: %s",
                      !why ? "no reason given"
                      : strncmp(why, path, own - 2) || strlen(why) < own
                          ? why
                          : why + own);
        return NULL;
    }
    const struct slipway_plugin *head =
        dlsym(handle, SLIPWAY_PLUGIN_SYMBOL_NAME);
    if (!head)
        (void)err_set(err, ERR_INVALID,
                      "it does not export '%s'; is it a Slipway plugin?",
                      SLIPWAY_PLUGIN_SYMBOL_NAME);
    return head;
}

static int check_head(const struct slipway_plugin *head, uint32_t kind,
                      const char *name, struct err *err)
{
    if (head->size < sizeof(*head) || head->size % 8 ||
        head->size > DESCRIPTOR_MAX_BYTES)
        return err_set(err, ERR_INVALID,
                       "its descriptor states a size of %llu bytes, which is "
                       "too small, too large or no multiple of 8",
                       (unsigned long long)head->size);
    int code = abi_check(head->major, head->level, head->needs_level, err);
    if (code)
        return code;
    if (head->kind != kind)
        return err_set(
            err, ERR_INVALID, "it is of kind %s; move it to that kind's folder",
            kind_word(head->kind) ? kind_word(head->kind) : "unknown");
    if (!head->name || strncmp(head->name, name, PLUGIN_NAME_BYTES))
        return err_set(err, ERR_INVALID,
                       "its descriptor names it '%.32s'; rename the file or "
                       "the plugin",
                       head->name ? head->name : "");
    return 0;
}

/* The host's own copy: what the plugin knows, zero behind it. */
static void copy_descriptor(const struct slipway_plugin *head, size_t known,
                            struct plugin *plugin)
{
    const uint8_t *bytes = (const uint8_t *)head;
    memset(&plugin->as, 0, sizeof(plugin->as));
    memcpy(&plugin->as, bytes, MIN(head->size, known));
    for (size_t i = known; i < head->size; i++)
        plugin->reduced |= bytes[i] != 0;
}

static int take_descriptor(const struct slipway_plugin *head,
                           struct plugin *plugin, struct err *err)
{
    static const size_t known[] = {
        [SLIPWAY_KIND_ARCH] = sizeof(struct slipway_arch_plugin),
        [SLIPWAY_KIND_TRANSPORT] = sizeof(struct slipway_transport_plugin),
        [SLIPWAY_KIND_ACTION] = sizeof(struct slipway_action_plugin),
        [SLIPWAY_KIND_STORE] = sizeof(struct slipway_store_plugin),
    };
    struct param_table params = {NULL, 0};
    copy_descriptor(head, known[plugin->kind], plugin);
    int code = load_check_callbacks(plugin, err);
    if (!code)
        code = param_table_copy(plugin->as.head.params,
                                plugin->as.head.params_count, &params, err);
    param_table_done(&params);
    return code;
}

static int load_new(int fd, struct loaded *loaded, struct err *err)
{
    struct plugin *plugin = &loaded->plugin;
    const struct slipway_plugin *head = open_code(fd, err);
    int code =
        head ? check_head(head, plugin->kind, plugin->name, err) : ERR_INVALID;
    if (!code)
        code = take_descriptor(head, plugin, err);
    /* Mapped code may hold on to anything, so it stays, refused or not; and
     * its descriptor with it. */
    loaded->fd = fd;
    if (code)
        plugin->kind = 0; /* never found again */
    loaded->next = all_loaded;
    all_loaded = loaded;
    return code;
}

static int load(int *fd, uint32_t kind, const char *name,
                const struct digest *expected, const struct plugin **ret,
                struct err *err)
{
    struct digest digest;
    if (!kind_word(kind) || !plugin_name_ok(name))
        return err_set(err, ERR_INVALID,
                       "its name is not of the form [a-z][a-z0-9-]{0,31}");
    int code = check_bytes(*fd, kind, expected, &digest, err);
    if (code)
        return code;
    const struct plugin *known = find_loaded(kind, name, &digest);
    if (known) {
        *ret = known;
        return 0;
    }
    struct loaded *loaded = calloc(1, sizeof(*loaded));
    if (!loaded)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    loaded->plugin.kind = kind;
    loaded->plugin.digest = digest;
    (void)snprintf(loaded->plugin.name, sizeof(loaded->plugin.name), "%s",
                   name);
    code = load_new(TAKE_FD(*fd), loaded, err);
    if (!code)
        *ret = &loaded->plugin;
    return code;
}

int plugin_load(int memory_fd, uint32_t kind, const char *name,
                const struct digest *expected, const struct plugin **ret,
                struct err *err)
{
    AUTO_CLOSE int fd = memory_fd;
    struct err why = ERR_INIT;
    int code = load(&fd, kind, name, expected, ret, &why);
    if (code)
        return err_set(err, code, "%s plugin '%.32s' is refused: %s",
                       kind_word(kind) ? kind_word(kind) : "the", name,
                       why.text);
    return 0;
}

int plugin_load_file(const struct plugin_place *place,
                     const struct digest *expected, const struct plugin **ret,
                     struct err *err)
{
    int fd = -1;
    struct digest digest;
    int code = plugin_file_open(place, &fd, &digest, err);
    if (code)
        return code;
    return plugin_load(fd, place->kind, place->name, expected, ret, err);
}
