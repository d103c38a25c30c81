/* SPDX-License-Identifier: Apache-2.0 */
/* Boot files of plugins and engine builds: see publish.h. */
#include "core/server/boot/publish.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/server/config.h"
#include "core/server/boot/publish-script.h"
#include "core/util/file.h"
#include "core/util/json.h"
#include "core/util/log.h"

#define READ_BYTES (256 * 1024)

struct published {
    int roots[BOOT_ROOTS]; /* -1 = that folder is not there */
    json_t *engines;       /* machine -> document */
    bool receiving;
};

static int open_root(const char *path)
{
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int published_new(struct server *server, struct err *err)
{
    struct published *p = calloc(1, sizeof(*p));
    if (p)
        p->engines = json_object();
    AUTO_CLOSE int state = open_root(server->config->state_dir);
    if (!p || !p->engines || state < 0) {
        free(p);
        return err_set(err, ERR_IO, "the state folder '%s' does not open",
                       server->config->state_dir);
    }
    p->roots[BOOT_ROOT_STATE] = file_open_dir(state, "boot", 0755, err);
    p->roots[BOOT_ROOT_DATA] = open_root(server->config->boot_dir);
    server->published = p;
    return p->roots[BOOT_ROOT_STATE] < 0 ? ERR_IO : 0;
}

void published_free(struct server *server)
{
    struct published *p = TAKE(server->published);
    if (!p)
        return;
    for (size_t i = 0; i < BOOT_ROOTS; i++)
        if (p->roots[i] >= 0)
            (void)close(p->roots[i]);
    json_decref(p->engines);
    free(p);
}

int published_roots(const struct server *server, int ret[BOOT_ROOTS])
{
    for (size_t i = 0; i < BOOT_ROOTS; i++)
        ret[i] = server->published->roots[i] < 0
                     ? -1
                     : fcntl(server->published->roots[i], F_DUPFD_CLOEXEC, 3);
    return ret[BOOT_ROOT_STATE];
}

int published_folder(const struct server *server)
{
    return server->published->roots[BOOT_ROOT_STATE];
}

bool published_receive_begin(struct server *server)
{
    bool free_now = !server->published->receiving;
    server->published->receiving = true;
    return free_now;
}

void published_receive_end(struct server *server)
{
    server->published->receiving = false;
}

static bool is_current(const struct server *server, const char *path)
{
    for (size_t i = 0; i < boot_table_count(server->boot_table); i++) {
        const struct boot_file *file = boot_table_at(server->boot_table, i);
        if (file->root == BOOT_ROOT_STATE && strcmp(file->path, path) == 0)
            return true;
    }
    return false;
}

void published_sweep(const struct server *server)
{
    int folder = published_folder(server);
    int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = copy >= 0 ? fdopendir(copy) : NULL;
    const struct dirent *entry;
    if (!stream) {
        if (copy >= 0)
            (void)close(copy);
        return; /* what is left over does no harm */
    }
    while ((entry = readdir(stream)))
        if (entry->d_name[0] != '.' && !is_current(server, entry->d_name) &&
            unlinkat(folder, entry->d_name, 0) == 0)
            log_info("removed 'boot/%s', which is not published any more",
                     entry->d_name);
    (void)closedir(stream);
}

/* Length and digest of what is there. */
static int measure(int root, const char *path, struct boot_file *file,
                   struct err *err)
{
    struct stat st;
    struct digest_stream stream;
    AUTO_CLOSE int fd = openat(root, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return err_set_errno(err, ERR_NOT_FOUND, errno,
                             "the boot file '%s' cannot be read", path);
    AUTO_FREE uint8_t *block = malloc(READ_BYTES);
    if (!block || digest_stream_init(&stream) < 0)
        return err_set(err, ERR_NO_MEMORY, "no memory to publish '%s'", path);
    file->length = (uint64_t)st.st_size;
    int code = 0;
    for (uint64_t at = 0; code == 0 && at < file->length;) {
        size_t n = (size_t)MIN(file->length - at, (uint64_t)READ_BYTES);
        code = file_pread_all(fd, block, n, at, err);
        if (code == 0)
            digest_stream_add(&stream, block, n);
        at += n;
    }
    digest_stream_done(&stream, code == 0 ? &file->digest : NULL);
    return code;
}

/* ---- arch plugins ---- */

static int publish_shipped(struct server *server, const char *plugin,
                           const struct plugin_boot_file *shipped,
                           struct err *err)
{
    struct boot_file file = {.root = BOOT_ROOT_DATA};
    int root = server->published->roots[BOOT_ROOT_DATA];
    if (root < 0)
        return err_set(err, ERR_NOT_FOUND, "the folder of shipped boot files "
                       "'%s' is not there", server->config->boot_dir);
    if (snprintf(file.path, sizeof(file.path), "%s/%s", plugin,
                 shipped->file) >= (int)sizeof(file.path))
        return err_set(err, ERR_TOO_BIG, "the name of a boot file of '%s' is "
                       "too long", plugin);
    (void)snprintf(file.name, sizeof(file.name), "%s", shipped->name);
    int code = measure(root, file.path, &file, err);
    if (code == 0)
        code = boot_table_put(server->boot_table, &file, err);
    return code;
}

int publish_arch(struct server *server, const struct registry_entry *entry,
                 struct err *err)
{
    const struct plugin_info *info = entry->info;
    for (size_t i = 0; info && i < info->file_count; i++) {
        const struct plugin_boot_file *file = &info->files[i];
        int code = file->file
                       ? publish_shipped(server, entry->name, file, err)
                       : publish_rendered(server, entry, file->name, err);
        if (code != 0)
            return err_prefix(err, "arch plugin '%s': ", entry->name);
    }
    return 0;
}

void withdraw_arch(struct server *server, const struct registry_entry *entry)
{
    const struct plugin_info *info = entry->info;
    for (size_t i = 0; info && i < info->file_count; i++)
        (void)boot_table_remove(server->boot_table, info->files[i].name);
}

/* ---- engine builds ---- */

static int read_engine_file(struct json_reader *r, size_t index,
                            struct boot_file *file)
{
    struct json_reader item;
    json_reader_element(&item, r, "files", index);
    (void)json_get_text(&item, "role");
    (void)snprintf(file->name, sizeof(file->name), "%s",
                   json_get_text(&item, "name"));
    (void)snprintf(file->path, sizeof(file->path), "%s",
                   json_get_text(&item, "sha256"));
    file->length = json_get_u64(&item, "length", 1, ENGINE_MAX_BYTES);
    file->root = BOOT_ROOT_STATE;
    file->immutable = true;
    if (!item.code && digest_parse(file->path, &file->digest, NULL) < 0)
        (void)json_reader_fail(&item, "sha256", "it is no SHA-256");
    if (json_done(&item) != 0)
        return json_reader_join(r, &item);
    return 0;
}

static int publish_engine_one(struct server *server, struct json_reader *r,
                              size_t index, struct err *err)
{
    struct boot_file file = {0};
    struct boot_file found = {0};
    int code = read_engine_file(r, index, &file);
    if (code == 0)
        code = measure(published_folder(server), file.path, &found, err);
    if (code != 0)
        return code;
    if (found.length != file.length ||
        !digest_equal(&found.digest, &file.digest))
        return err_set(err, ERR_CORRUPT, "the engine's file 'boot/%s' is "
                       "damaged; build and upload the engine again",
                       file.path);
    return boot_table_put(server->boot_table, &file, err);
}

/* Names of the old build that the new one does not have. */
static void withdraw_old(struct server *server, const json_t *old,
                         const json_t *fresh)
{
    size_t i, j;
    json_t *was, *is;
    json_array_foreach (json_object_get(old, "files"), i, was) {
        bool stays = false;
        json_array_foreach (json_object_get(fresh, "files"), j, is)
            stays |= json_equal(json_object_get(was, "name"),
                                json_object_get(is, "name"));
        const char *name = json_string_value(json_object_get(was, "name"));
        if (!stays && name)
            (void)boot_table_remove(server->boot_table, name);
    }
}

/* What was rendered names files of the build before.  A text that cannot be
 * rendered is a fault of its plugin and none of the build. */
static void render_again(struct server *server)
{
    const struct registry_entry *entry;
    struct err err = ERR_INIT;
    for (size_t i = 0; (entry = registry_at(server->registry, i)); i++) {
        const struct plugin_info *info = entry->info;
        if (entry->kind != SLIPWAY_KIND_ARCH || !info)
            continue;
        for (size_t j = 0; j < info->file_count; j++)
            if (!info->files[j].file &&
                publish_rendered(server, entry, info->files[j].name, &err) < 0)
                log_error("arch plugin '%s': %s", entry->name, err.text);
    }
}

int publish_engine(struct server *server, const json_t *document,
                   struct err *err)
{
    struct json_reader r;
    json_reader_init(&r, document, "$", err);
    const char *machine = json_get_text(&r, "machine");
    const json_t *files = json_get_array(&r, "files");
    if (r.code)
        return r.code;
    for (size_t i = 0; i < json_array_size(files); i++) {
        int code = publish_engine_one(server, &r, i, err);
        if (code != 0)
            return err_prefix(err, "engine for %s: ", machine);
    }
    json_t *engines = server->published->engines;
    withdraw_old(server, json_object_get(engines, machine), document);
    if (json_object_set(engines, machine, (json_t *)(uintptr_t)document) < 0)
        return err_set(err, ERR_NO_MEMORY, "no memory for an engine build");
    render_again(server);
    return 0;
}

const char *publish_engine_file(void *arg, const char *machine,
                                const char *role)
{
    const struct server *server = arg;
    size_t i;
    json_t *file;
    const json_t *build = json_object_get(server->published->engines, machine);
    json_array_foreach (json_object_get(build, "files"), i, file) {
        const char *have = json_string_value(json_object_get(file, "role"));
        if (have && strcmp(have, role) == 0)
            return json_string_value(json_object_get(file, "name"));
    }
    return NULL;
}

const char *publish_engine_command_line(void *arg, const char *machine)
{
    const struct server *server = arg;
    const json_t *build = json_object_get(server->published->engines, machine);
    return json_string_value(json_object_get(build, "command_line"));
}

const json_t *published_engines(const struct server *server)
{
    return server->published->engines;
}
