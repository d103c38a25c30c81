/* SPDX-License-Identifier: Apache-2.0 */
/* Work on a store that no daemon has open: see offline.h. */
#include "core/server/offline.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <config.h>
#include "core/plugin/registry.h"
#include "core/server/audit.h"
#include "core/server/privileges.h"
#include "core/server/site.h"
#include "core/server/store/store.h"
#include "core/server/rest/token.h"
#include "core/util/file.h"
#include "core/util/json.h"

struct offline {
    const struct config *config;
    struct loop *loop;
    struct store *store;
    struct audit *audit;
    struct registry *registry;
    bool waiting; /* the loop runs until this is false */
    struct err outcome;
    json_t *documents; /* of a listing: key -> document */
};

static void finish(struct offline *o, const struct err *err)
{
    o->outcome = err ? *err : (struct err)ERR_INIT;
    o->waiting = false;
    loop_stop(o->loop);
}

static int wait_for_it(struct offline *o, struct err *err)
{
    while (o->waiting)
        loop_run(o->loop);
    if (o->outcome.code == 0)
        return 0;
    return err_set(err, o->outcome.code, "%s", o->outcome.text);
}

static void on_put(void *arg, uint64_t revision, const struct err *err)
{
    (void)revision;
    finish(arg, err);
}

static int put(struct offline *o, const char *key, json_t *document,
               uint64_t expected, struct err *err)
{
    o->waiting = true;
    store_put(o->store, key, document, expected, on_put, o);
    return wait_for_it(o, err);
}

static void on_each(void *arg, const struct store_doc *doc,
                    const struct err *err)
{
    struct offline *o = arg;
    if (!doc)
        finish(o, err);
    else if (json_object_set(o->documents, doc->key, doc->json) < 0)
        (void)err_set(&o->outcome, ERR_NO_MEMORY, "no memory for a listing");
}

static int list(struct offline *o, const char *prefix, struct err *err)
{
    json_decref(o->documents);
    o->documents = json_object();
    o->waiting = true;
    store_each(o->store, prefix, on_each, o);
    return wait_for_it(o, err);
}

static int store_plugin(const struct config *config,
                        const struct plugin **ret, struct err *err)
{
    const struct plugin_place place = {
        .dir = config->plugin_dir,
        .kind = SLIPWAY_KIND_STORE,
        .name = config->store_plugin,
        .owner = getuid(),
    };
    return plugin_load_file(&place, NULL, ret, err);
}

static int offline_open(struct offline *o, const struct plugin *plugin,
                        const char *writer, struct err *err)
{
    const struct config *config = o->config;
    AUTO_FREE char *audit_path = config_state_path(config, "audit.log");
    if (!audit_path)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    o->loop = loop_new(&seam_real, err);
    if (!o->loop)
        return err->code;
    o->registry = registry_new(config->plugin_dir, getuid(), err);
    if (!o->registry)
        return err->code;
    int code = store_new(o->loop, &plugin->as.store, config->store_location,
                         writer, &o->store, err);
    if (code == 0)
        code = audit_open(&seam_real, audit_path, &o->audit, err);
    return code;
}

static void offline_close(struct offline *o)
{
    audit_close(o->audit);
    store_free(o->store);
    registry_free(o->registry);
    loop_free(o->loop);
    json_decref(o->documents);
}

/* ---- plugins ---- */

static int enable(struct offline *o, uint32_t kind, const char *name,
                  const char *who, uint64_t expected, struct err *err)
{
    char key[96];
    json_t *document = NULL;
    int code = registry_examine(o->registry, kind, name, who,
                                (int64_t)time(NULL), &document, err);
    if (code != 0)
        return code;
    (void)snprintf(key, sizeof(key), "/v1/plugin/%s/%s", kind_word(kind), name);
    code = put(o, key, document, expected, err);
    if (code == 0)
        code = audit_record(o->audit, who, "plugin-enable", key + 4, NULL, err);
    return code;
}

static int enable_shipped(struct offline *o, struct err *err)
{
    struct registry_listing listing;
    int code = registry_scan(o->registry, &listing, err);
    if (code != 0)
        return code;
    for (size_t i = 0; code == 0 && i < listing.count; i++) {
        const struct registry_file *file = &listing.files[i];
        struct err why = ERR_INIT;
        bool again = i > 0 && file->kind == listing.files[i - 1].kind &&
                     strcmp(file->name, listing.files[i - 1].name) == 0;
        if (again || file->kind == SLIPWAY_KIND_STORE)
            continue;
        if (enable(o, file->kind, file->name, "slipwayd init", STORE_ANY,
                   &why) < 0)
            log_warn("the plugin '%s' stays disabled: %s", file->name,
                     why.text);
    }
    registry_listing_done(&listing);
    return code;
}

/* ---- init ---- */

static int write_token(const struct config *config, const char *token,
                       struct err *err)
{
    char line[TOKEN_TEXT_BYTES + 1];
    AUTO_CLOSE int dir =
        open(config->state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    (void)snprintf(line, sizeof(line), "%s\n", token);
    int code = file_write(dir, "admin-token", line, strlen(line), 0600, err);
    secret_wipe(line, sizeof(line));
    return code;
}

static int first_token(struct offline *o, struct err *err)
{
    char text[TOKEN_TEXT_BYTES];
    char key[96];
    char id[33];
    uint8_t raw[16];
    json_t *document;
    random_bytes(raw, sizeof(raw));
    (void)snprintf(key, sizeof(key), TOKEN_KEY_PREFIX "%s",
                   hex_format(raw, sizeof(raw), id));
    int code = token_make("first-admin", SCOPE_ADMIN, (int64_t)time(NULL), 0,
                          text, &document, err);
    if (code == 0)
        code = put(o, key, document, STORE_NEW, err);
    if (code == 0)
        code = audit_record(o->audit, "slipwayd init", "token-create", key + 4,
                            NULL, err);
    if (code == 0)
        code = write_token(o->config, text, err);
    secret_wipe(text, sizeof(text));
    return code;
}

static int fill_new_store(struct offline *o, const struct plugin *plugin,
                          struct err *err)
{
    int code = offline_open(o, plugin, "init", err);
    if (code == 0)
        code = first_token(o, err);
    if (code == 0)
        code = enable_shipped(o, err);
    offline_close(o);
    return code;
}

int offline_init(const struct config *config, struct err *err)
{
    const struct plugin *plugin;
    struct offline o = {.config = config};
    struct identity_ids ids;
    /* What can fail for an outside reason comes before anything is made. */
    int code = privileges_find(config, &ids, err);
    if (code == 0)
        code = store_plugin(config, &plugin, err);
    if (code == 0)
        code = site_create(config, err);
    if (code != 0)
        return code;
    code = fill_new_store(&o, plugin, err);
    if (code == 0)
        code = privileges_give_state(config, err);
    if (code != 0)
        (void)err_prefix(err, "the site was begun but is not complete; remove "
                         "'%s' before trying again: ", config->state_dir);
    return code;
}

/* ---- upgrade ---- */

/* 1 = its version is another, left alone. */
static int upgrade_one(struct offline *o, const json_t *document,
                       struct err *err)
{
    const char *word = json_string_value(json_object_get(document, "kind"));
    const char *name = json_string_value(json_object_get(document, "name"));
    uint32_t kind = word ? kind_find(word) : 0;
    json_t *fresh = NULL;
    if (!kind || !name)
        return err_set(err, ERR_CORRUPT, "a plugin's document is damaged");
    int code = registry_examine(o->registry, kind, name, "upgrade",
                                (int64_t)time(NULL), &fresh, err);
    if (code != 0)
        return err_prefix(err, "%s plugin '%s': ", word, name);
    const char *version = json_string_value(json_object_get(fresh, "version"));
    bool ours = version && strcmp(version, PACKAGE_VERSION) == 0;
    bool same = json_equal(json_object_get(fresh, "digests"),
                           json_object_get(document, "digests"));
    json_decref(fresh);
    if (!ours || same)
        return 1;
    return enable(o, kind, name, "slipwayd upgrade-plugins", STORE_ANY, err);
}

static int upgrade_all(struct offline *o, struct err *err)
{
    const char *key;
    json_t *document;
    AUTO_JSON *documents = NULL;
    int code = list(o, "/v1/plugin/", err);
    if (code != 0)
        return code;
    documents = json_incref(o->documents);
    json_object_foreach (documents, key, document) {
        struct err why = ERR_INIT;
        int result = upgrade_one(o, document, &why);
        if (result == 0)
            log_notice("'%s' is enabled again", key + strlen("/v1/plugin/"));
        else if (result < 0)
            log_warn("'%s' is left as it is: %s", key + strlen("/v1/plugin/"),
                     why.text);
    }
    return 0;
}

int offline_upgrade_plugins(const struct config *config, struct err *err)
{
    const struct plugin *plugin;
    struct site *site;
    struct offline o = {.config = config};
    int code = site_load(config, &site, err);
    if (code != 0)
        return code;
    site_free(site);
    code = store_plugin(config, &plugin, err);
    if (code != 0)
        return code;
    code = offline_open(&o, plugin, "upgrade", err);
    if (code == 0)
        code = upgrade_all(&o, err);
    offline_close(&o);
    int given = privileges_give_state(config, code == 0 ? err : NULL);
    return code != 0 ? code : given;
}
