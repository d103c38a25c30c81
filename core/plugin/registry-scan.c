/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and describing the plugin folder's files: see registry.h. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/plugin/registry-internal.h"
#include "core/util/file.h"
#include "core/util/json.h"

#define MAX_FILES 1024 /* in the whole plugin folder */

/* The content of a sealed copy, to be freed. */
static int read_copy(int fd, void **ret_data, size_t *ret_length,
                     struct err *err)
{
    struct stat status;
    if (fstat(fd, &status))
        return err_set_errno(err, ERR_IO, errno, "cannot look at the copy");
    AUTO_FREE void *data = malloc((size_t)status.st_size);
    if (!data)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    int code = file_pread_all(fd, data, (size_t)status.st_size, 0, err);
    if (code)
        return code;
    *ret_length = (size_t)status.st_size;
    *ret_data = TAKE(data);
    return 0;
}

/* A description can be for another folder than the file's. */
static int check_place(const struct plugin_place *place,
                       const struct plugin_info *info, struct err *err)
{
    if (info->kind != place->kind)
        return err_set(err, ERR_INVALID,
                       "it is of kind %s; move it to that kind's folder",
                       kind_word(info->kind));
    if (info->machine != machine_find(place->machine))
        return err_set(err, ERR_UNSUPPORTED,
                       "it is built for %s; move it to that machine's folder",
                       info->machine->name);
    return plugin_info_check(info, err);
}

int registry_describe(const struct plugin_place *place,
                      struct plugin_info **ret, struct err *err)
{
    int opened = -1;
    struct digest digest;
    int code = plugin_file_open(place, &opened, &digest, err);
    if (code)
        return code;
    AUTO_CLOSE int fd = opened;
    AUTO_FREE void *data = NULL;
    size_t length = 0;
    struct err why = ERR_INIT;
    *ret = NULL;
    code = read_copy(fd, &data, &length, &why);
    if (!code)
        code = plugin_describe(data, length, place->name, ret, &why);
    if (!code)
        code = check_place(place, *ret, &why);
    if (code)
        return err_set(err, code, "%s plugin '%s' for %s is refused: %s",
                       kind_word(place->kind), place->name, place->machine,
                       why.text);
    return 0;
}

/* The name of a plugin from that of its file; false for other files. */
static bool name_from_file(const char *file, char ret[PLUGIN_NAME_BYTES])
{
    size_t length = strlen(file);
    if (length < 4 || length - 3 >= PLUGIN_NAME_BYTES ||
        strcmp(file + length - 3, ".so"))
        return false;
    memcpy(ret, file, length - 3);
    ret[length - 3] = 0;
    return plugin_name_ok(ret);
}

static int add_file(struct registry_listing *listing,
                    const struct plugin_place *place, struct err *err)
{
    if (listing->count == MAX_FILES)
        return err_set(err, ERR_TOO_BIG,
                       "there are more than %d files in the plugin folder",
                       MAX_FILES);
    struct registry_file *grown =
        realloc(listing->files, (listing->count + 1) * sizeof(*listing->files));
    if (!grown)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    listing->files = grown;
    struct registry_file *file = &grown[listing->count++];
    *file = (struct registry_file){.kind = place->kind,
                                   .machine = machine_find(place->machine)};
    (void)snprintf(file->name, sizeof(file->name), "%s", place->name);
    struct err why = ERR_INIT;
    if (!registry_describe(place, &file->info, &why))
        return 0;
    file->problem = strdup(why.text);
    return file->problem ? 0 : err_set(err, ERR_NO_MEMORY, "out of memory");
}

static int scan_folder(const struct registry *registry,
                       const struct machine *machine, uint32_t kind,
                       struct registry_listing *ret, struct err *err)
{
    char path[512], name[PLUGIN_NAME_BYTES];
    int n = snprintf(path, sizeof(path), "%s/%s/%s", registry_dir(registry),
                     machine->name, kind_word(kind));
    DIR *dir = n > 0 && (size_t)n < sizeof(path) ? opendir(path) : NULL;
    if (!dir) /* most machines have no plugins of most kinds */
        return 0;
    int code = 0;
    struct dirent *entry;
    while (!code && (entry = readdir(dir))) {
        struct plugin_place place = {registry_dir(registry), machine->name,
                                     kind, name, registry_owner(registry)};
        if (name_from_file(entry->d_name, name))
            code = add_file(ret, &place, err);
    }
    (void)closedir(dir); /* only read from */
    return code;
}

static int by_id(const void *a, const void *b)
{
    const struct registry_file *left = a, *right = b;
    if (left->kind != right->kind)
        return left->kind < right->kind ? -1 : 1;
    int order = strcmp(left->name, right->name);
    return order ? order : strcmp(left->machine->name, right->machine->name);
}

int registry_scan(const struct registry *registry, struct registry_listing *ret,
                  struct err *err)
{
    struct registry_listing listing = {NULL, 0};
    const struct machine *machine;
    int code = 0;
    for (size_t i = 0; !code && (machine = machine_at(i)); i++)
        for (uint32_t kind = 1; !code && kind_word(kind); kind++)
            code = scan_folder(registry, machine, kind, &listing, err);
    if (code) {
        registry_listing_done(&listing);
        return code;
    }
    if (listing.count)
        qsort(listing.files, listing.count, sizeof(*listing.files), by_id);
    *ret = listing;
    return 0;
}

void registry_listing_done(struct registry_listing *listing)
{
    for (size_t i = 0; i < listing->count; i++) {
        plugin_info_free(listing->files[i].info);
        free(listing->files[i].problem);
    }
    free(listing->files);
    *listing = (struct registry_listing){NULL, 0};
}

int registry_examine(const struct registry *registry, uint32_t kind,
                     const char *name, const char *who, int64_t now_s,
                     json_t **ret_document, struct err *err)
{
    AUTO_JSON *digests = json_object();
    char version[80] = "";
    const struct machine *machine;
    if (!kind_word(kind) || !plugin_name_ok(name))
        return err_set(err, ERR_INVALID,
                       "'%.32s' is not the name of a plugin; names have the "
                       "form [a-z][a-z0-9-]{0,31}",
                       name);
    for (size_t i = 0; (machine = machine_at(i)); i++) {
        AUTO_PLUGIN_INFO info = NULL;
        char hex[DIGEST_HEX_BYTES];
        struct plugin_place place = {registry_dir(registry), machine->name,
                                     kind, name, registry_owner(registry)};
        struct err why = ERR_INIT;
        int code = registry_describe(&place, &info, &why);
        if (code == ERR_NOT_FOUND) /* not there for every machine */
            continue;
        if (code)
            return err_set(err, code, "%s", why.text);
        (void)snprintf(version, sizeof(version), "%s", info->version);
        if (json_object_set_new(digests, machine->name,
                                json_string(digest_hex(&info->digest, hex))))
            return err_set(err, ERR_NO_MEMORY, "out of memory");
    }
    if (!json_object_size(digests))
        return err_set(err, ERR_NOT_FOUND,
                       "there is no %s plugin '%s' for any machine below '%s'",
                       kind_word(kind), name, registry_dir(registry));
    json_t *document =
        json_pack("{s:i,s:s,s:s,s:s,s:O,s:s,s:I}", "schema", 1, "kind",
                  kind_word(kind), "name", name, "version", version, "digests",
                  digests, "by", who, "at_s", (json_int_t)now_s);
    if (!document)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    *ret_document = document;
    return 0;
}
