/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/init/modules.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <fts.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "core/util/buf.h"
#include "core/util/file.h"
#include "core/util/log.h"

#define INDEX_MAX (16u << 20)
#define MODULES_MAX 4096
#define ALIASES_MAX 65536
#define MODALIAS_MAX 4096
/* A bus below a bus below a bus; more would be a kernel that never ends. */
#define COLDPLUG_ROUNDS 8
#define MODPROBE_ARGS_MAX 64

enum module_state { MODULE_NEW, MODULE_LOADING, MODULE_LOADED, MODULE_FAILED };

struct module {
    const char *name; /* all texts point into the index */
    const char *path;
    const char *depends; /* names, blanks between */
    enum module_state state;
};

struct alias {
    const char *pattern;
    const char *name;
};

struct modules {
    char folder[256];
    struct buf text;
    struct module *modules; /* sorted by name */
    size_t count;
    struct alias *aliases;
    size_t alias_count;
    modules_insert *insert;
    void *insert_arg;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct module *)a)->name,
                  ((const struct module *)b)->name);
}

/* One line of the index, cut up in place. */
static int take_line(struct modules *m, char *line, struct err *err)
{
    char *rest = line;
    const char *kind = strsep(&rest, " ");
    const char *first = strsep(&rest, " ");
    const char *second = strsep(&rest, " ");
    if (!*kind)
        return 0;
    if (!first || !second || strlen(kind) != 1)
        return err_set(err, ERR_CORRUPT, "odd line '%s'", line);
    if (*kind == 'm' && m->count < MODULES_MAX) {
        m->modules[m->count++] =
            (struct module){first, second, rest ? rest : "", MODULE_NEW};
        return 0;
    }
    if (*kind == 'a' && m->alias_count < ALIASES_MAX) {
        m->aliases[m->alias_count++] = (struct alias){first, second};
        return 0;
    }
    return err_set(err, ERR_CORRUPT, "odd line '%s', or too many of them",
                   line);
}

static int parse_index(struct modules *m, struct err *err)
{
    char *rest = (char *)m->text.data;
    const char *first = rest ? strsep(&rest, "\n") : "";
    if (strcmp(first, "slipway-modules 1"))
        return err_set(err, ERR_CORRUPT, "it begins with '%.40s'", first);
    m->modules = calloc(MODULES_MAX, sizeof(*m->modules));
    m->aliases = calloc(ALIASES_MAX, sizeof(*m->aliases));
    if (!m->modules || !m->aliases)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    for (char *line; rest && (line = strsep(&rest, "\n"));) {
        int rc = take_line(m, line, err);
        if (rc)
            return rc;
    }
    qsort(m->modules, m->count, sizeof(*m->modules), by_name);
    return 0;
}

static int insert_file(void *arg, const char *path)
{
    struct modules *m = arg;
    AUTO_FREE char *full = NULL;
    if (asprintf(&full, "%s/%s", m->folder, path) < 0) {
        full = NULL;
        return ENOMEM;
    }
    AUTO_CLOSE int fd = open(full, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    return syscall(SYS_finit_module, fd, "", 0) ? errno : 0;
}

int modules_open(const char *folder, struct modules **ret, struct err *err)
{
    struct modules *m = calloc(1, sizeof(*m));
    if (!m)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    buf_init(&m->text, INDEX_MAX);
    (void)snprintf(m->folder, sizeof(m->folder), "%s", folder);
    m->insert = insert_file;
    m->insert_arg = m;
    AUTO_FREE char *path = NULL;
    int rc = 0;
    if (asprintf(&path, "%s/" MODULES_INDEX_NAME, folder) < 0) {
        path = NULL;
        rc = err_set(err, ERR_NO_MEMORY, "out of memory");
    }
    if (!rc)
        rc = file_read(AT_FDCWD, path, &m->text, err);
    if (!rc && memchr(m->text.data, 0, m->text.length))
        rc = err_set(err, ERR_CORRUPT, "there is a NUL byte in it");
    if (!rc)
        rc = parse_index(m, err);
    if (rc) {
        modules_free(m);
        return err_prefix(err, "index of kernel modules in '%s': ", folder);
    }
    *ret = m;
    return 0;
}

void modules_free(struct modules *modules)
{
    if (!modules)
        return;
    buf_done(&modules->text);
    free(modules->modules);
    free(modules->aliases);
    free(modules);
}

void modules_set_insert(struct modules *modules, modules_insert *insert,
                        void *arg)
{
    modules->insert = insert ? insert : insert_file;
    modules->insert_arg = insert ? arg : modules;
}

static struct module *find(struct modules *m, const char *name)
{
    struct module key = {.name = name};
    return m->count ? bsearch(&key, m->modules, m->count, sizeof(key), by_name)
                    : NULL;
}

static unsigned load(struct modules *m, struct module *module);

static unsigned load_depends(struct modules *m, const struct module *module)
{
    unsigned loaded = 0;
    const char *at = module->depends;
    while (*at) {
        size_t length = strcspn(at, " ");
        char name[64];
        if (length && length < sizeof(name)) {
            memcpy(name, at, length);
            name[length] = '\0';
            struct module *other = find(m, name);
            if (other)
                loaded += load(m, other);
        }
        at += length;
        at += strspn(at, " ");
    }
    return loaded;
}

static unsigned load(struct modules *m, struct module *module)
{
    if (module->state != MODULE_NEW)
        return 0; /* LOADING: they name each other; the kernel decides */
    module->state = MODULE_LOADING;
    unsigned loaded = load_depends(m, module);
    int number = m->insert(m->insert_arg, module->path);
    if (number == 0 || number == EEXIST) {
        module->state = MODULE_LOADED;
        return loaded + (number == 0);
    }
    module->state = MODULE_FAILED;
    /* ENODEV: the driver looked and found nothing of its own.  No failure. */
    if (number != ENODEV)
        log_warn("the kernel module '%s' cannot be loaded: %s", module->name,
                 err_errno_text(number));
    return loaded;
}

static bool plain_name(const char *alias, char out[64])
{
    size_t i = 0;
    for (; alias[i] && i < 63; i++)
        out[i] = alias[i];
    out[i] = '\0';
    for (char *at = out; *at; at++)
        if (*at == '-')
            *at = '_';
    return !alias[i];
}

unsigned modules_load(struct modules *modules, const char *alias)
{
    unsigned loaded = 0;
    char name[64];
    struct module *module =
        plain_name(alias, name) ? find(modules, name) : NULL;
    if (module)
        return load(modules, module);
    for (size_t i = 0; i < modules->alias_count; i++) {
        const struct alias *a = &modules->aliases[i];
        if (fnmatch(a->pattern, alias, 0))
            continue;
        module = find(modules, a->name);
        if (module)
            loaded += load(modules, module);
    }
    return loaded;
}

/* The content of a "modalias" file: one line, no longer than a page. */
static unsigned load_file(struct modules *m, const char *path)
{
    char text[MODALIAS_MAX];
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
    if (got <= 0)
        return 0;
    text[got] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return *text ? modules_load(m, text) : 0;
}

static unsigned coldplug_round(struct modules *m, char *folder)
{
    unsigned loaded = 0;
    char *const tops[] = {folder, NULL};
    FTS *walk = fts_open(tops, FTS_PHYSICAL | FTS_NOCHDIR | FTS_NOSTAT, NULL);
    FTSENT *entry = NULL;
    while (walk && (entry = fts_read(walk)))
        if (!strcmp(entry->fts_name, "modalias") && entry->fts_info != FTS_D &&
            entry->fts_info != FTS_DP)
            loaded += load_file(m, entry->fts_path);
    if (walk)
        (void)fts_close(walk);
    return loaded;
}

unsigned modules_coldplug(struct modules *modules, const char *sysfs)
{
    AUTO_FREE char *folder = NULL;
    if (asprintf(&folder, "%s/devices", sysfs) < 0) {
        folder = NULL;
        return 0;
    }
    unsigned sum = 0;
    for (int round = 0; round < COLDPLUG_ROUNDS; round++) {
        unsigned loaded = coldplug_round(modules, folder);
        sum += loaded;
        if (loaded == 0)
            break;
    }
    return sum;
}

int modules_main(int argc, char **argv)
{
    struct modules *modules = NULL;
    struct err err = ERR_INIT;
    if (modules_open(MODULES_FOLDER, &modules, &err)) {
        log_error("%s", err.text);
        return 1;
    }
    for (int i = 1; i < argc && i < MODPROBE_ARGS_MAX; i++)
        if (argv[i][0] != '-')
            (void)modules_load(modules, argv[i]);
    modules_free(modules);
    return 0;
}
