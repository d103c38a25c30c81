/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/build/pack.h"

#include <fcntl.h>
#include <fts.h>
#include <string.h>

#include "core/plugin/kind.h"
#include "core/util/file.h"
#include "core/util/json.h"

#define LIST_MAX 256

/* Adds a file of this machine under `path`; its libraries go to `needed`. */
static int add_program(struct pack *pack, const char *from, const char *path,
                       struct err *err)
{
    int rc = library_needed(from, pack->needed, err);
    if (!rc)
        rc = file_read(AT_FDCWD, from, &pack->scratch, err);
    if (!rc)
        rc = cpio_add_file(&pack->cpio, path, 0755, pack->scratch.data,
                           pack->scratch.length, err);
    if (!rc)
        rc = pack_part(pack, "programs", pack->scratch.length, err);
    return rc;
}

static int add_helper(struct pack *pack, const char *name, struct err *err)
{
    AUTO_FREE char *from = NULL;
    if (asprintf(&from, "%s/%s", pack->options->engine_files, name) < 0) {
        from = NULL;
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    }
    AUTO_FREE char *path = NULL;
    if (asprintf(&path, "%s/%s", &PKGLIBEXECDIR[1], name) < 0) {
        path = NULL;
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    }
    return add_program(pack, from, path, err);
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static bool is_plugin(const FTSENT *entry)
{
    size_t length = strlen(entry->fts_name);
    return entry->fts_info == FTS_F && length > 3 &&
           !strcmp(entry->fts_name + length - 3, ".so");
}

/* The transports: they run in the engine's pipeline process.  Actions come
 * over TLS, by digest. */
static int add_transports(struct pack *pack, struct err *err)
{
    AUTO_FREE char *folder = NULL;
    if (asprintf(&folder, "%s/%s/transport", pack->options->plugins,
                 pack->options->machine) < 0) {
        folder = NULL;
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    }
    char *const tops[] = {folder, NULL};
    FTS *walk = fts_open(tops, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
    int rc = 0, count = 0;
    FTSENT *entry = NULL;
    while (!rc && walk && (entry = fts_read(walk))) {
        if (!is_plugin(entry))
            continue;
        AUTO_FREE char *path = NULL;
        if (asprintf(&path, "%s/plugins/%s/transport/%s", &PKGLIBDIR[1],
                     pack->options->machine, entry->fts_name) < 0) {
            path = NULL;
            rc = err_set(err, ERR_NO_MEMORY, "out of memory");
            break;
        }
        rc = add_program(pack, entry->fts_path, path, err);
        count++;
    }
    if (walk)
        (void)fts_close(walk);
    if (!rc && count == 0)
        rc = err_set(err, ERR_NOT_FOUND,
                     "there is no transport plugin in '%s', so the engine "
                     "could fetch nothing; name the plugins' folder with "
                     "--plugins",
                     folder);
    return rc;
}

static int add_library(struct pack *pack, const char *name, struct err *err)
{
    AUTO_FREE char *from = NULL;
    const struct library_search search = {pack->options->sysroot,
                                          pack->options->machine};
    int rc = library_find(&search, name, &from, err);
    if (rc)
        return rc;
    rc = library_needed(from, pack->needed, err);
    if (!rc)
        rc = file_read(AT_FDCWD, from, &pack->scratch, err);
    if (rc)
        return rc;
    /* The loader stands where programs name it, libraries where it looks. */
    AUTO_FREE char *path = NULL;
    if (asprintf(&path, "%s%s", name[0] == '/' ? "" : "lib/",
                 name[0] == '/' ? name + 1 : name) < 0) {
        path = NULL;
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    }
    rc = cpio_add_file(&pack->cpio, path, 0755, pack->scratch.data,
                       pack->scratch.length, err);
    return rc ? rc : pack_part(pack, "libraries", pack->scratch.length, err);
}

/* The same file under its plain name and as the interpreter. */
static bool is_loader(const char *name, const json_t *names)
{
    size_t i;
    json_t *other;
    json_array_foreach(names, i, other)
    {
        const char *slash = strrchr(json_string_value(other), '/');
        if (slash && name[0] != '/' && !strcmp(slash + 1, name))
            return true;
    }
    return false;
}

/* Vendors' actions may count on the published list, whether or not the engine
 * itself needs what is on it. */
static int need_published(struct pack *pack, struct err *err)
{
    const char *name = NULL;
    for (size_t i = 0; (name = kind_library_at(SLIPWAY_KIND_ACTION, i)); i++)
        if (strncmp(name, "ld", 2) && /* the loader comes by its path */
            json_array_append_new(pack->needed, json_string(name)))
            return err_set(err, ERR_NO_MEMORY, "out of memory");
    return 0;
}

static int add_libraries(struct pack *pack, struct err *err)
{
    int rc = need_published(pack, err);
    if (rc)
        return rc;
    AUTO_JSON *seen = json_object();
    /* The list grows while it is walked. */
    for (size_t i = 0; i < json_array_size(pack->needed); i++) {
        const char *name = json_string_value(json_array_get(pack->needed, i));
        if (i == LIST_MAX)
            return err_set(err, ERR_TOO_BIG,
                           "the engine's programs need more than %d libraries",
                           LIST_MAX);
        if (is_loader(name, pack->needed) || json_object_get(seen, name))
            continue;
        if (json_object_set_new(seen, name, json_true()))
            return err_set(err, ERR_NO_MEMORY, "out of memory");
        rc = add_library(pack, name, err);
        if (rc)
            return rc;
    }
    return 0;
}

int pack_engine(struct pack *pack, struct err *err)
{
    int rc = add_helper(pack, "slipway-engine", err);
    if (!rc)
        rc = cpio_add_link(&pack->cpio, "init", PKGLIBEXECDIR "/slipway-engine",
                           err);
    /* The kernel asks this name for modules that it finds missing. */
    if (!rc)
        rc = cpio_add_link(&pack->cpio, "sbin/modprobe",
                           PKGLIBEXECDIR "/slipway-engine", err);
    if (!rc)
        rc = add_helper(pack, "slipway-ext4-personalise", err);
    if (!rc)
        rc = add_transports(pack, err);
    return rc ? rc : add_libraries(pack, err);
}
