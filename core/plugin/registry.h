/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plugins that the server has, which of them are enabled, and the loaded
 * ones.  One id is KIND/NAME and may lie there for several machines.
 *
 * The registry keeps no durable state.  Enabling makes a document that the
 * server writes to its store (key `/v1/plugin/KIND/NAME`); once that is
 * acknowledged, and for each such document at start, registry_apply takes it
 * over.  Loop thread only, but for what is marked "any thread".
 */
#ifndef CORE_PLUGIN_REGISTRY_H
#define CORE_PLUGIN_REGISTRY_H

#include <jansson.h>

#include "core/plugin/describe.h"
#include "core/plugin/load.h"

struct registry;

/* `dir` is copied; `owner`: see struct plugin_place. */
struct registry *registry_new(const char *dir, uid_t owner, struct err *err);
void registry_free(struct registry *registry);
const char *registry_dir(const struct registry *registry);

/* One file of the plugin folder, as it is on disk now. */
struct registry_file {
    const struct machine *machine;
    uint32_t kind;
    char name[PLUGIN_NAME_BYTES];
    struct plugin_info *info; /* NULL when it cannot be described */
    char *problem;            /* why it could not be enabled; NULL = it can */
};

struct registry_listing {
    struct registry_file *files; /* by kind, name, machine */
    size_t count;
};

/* Reads and describes every file below the plugin folder.  Any thread;
 * blocks. */
int registry_scan(const struct registry *registry, struct registry_listing *ret,
                  struct err *err);
void registry_listing_done(struct registry_listing *listing);

/*
 * Examines every machine's file of KIND/NAME and makes the document that
 * enables exactly these bytes:
 * {"schema":1,"kind":"action","name":"install","version":"1.0",
 *  "digests":{"x86_64":"<hex>"},"by":WHO,"at_s":NOW}.
 * Fails when there is no file or one of them may not be enabled.  Any thread;
 * blocks; reads only what never changes in the registry.
 */
int registry_examine(const struct registry *registry, uint32_t kind,
                     const char *name, const char *who, int64_t now_s,
                     json_t **ret_document, struct err *err);

/*
 * Takes over a document: from now on KIND/NAME is enabled with its digests.
 * An arch plugin is loaded into this process.  A plugin that cannot be loaded
 * (changed since, for example) stays listed with its problem and the sentence
 * is returned as an error.  Blocks for the reading of the files.
 */
int registry_apply(struct registry *registry, const json_t *document,
                   struct err *err);
/* KIND/NAME is no longer enabled.  Its code stays mapped. */
void registry_remove(struct registry *registry, uint32_t kind,
                     const char *name);

/* What is known of one enabled id; NULL when it is not enabled. */
struct registry_entry {
    uint32_t kind;
    char name[PLUGIN_NAME_BYTES];
    json_t *document;            /* as applied */
    const struct plugin *plugin; /* arch only, NULL when not loaded */
    char *problem;               /* why it is not usable, NULL = it is */
    /* Own machine's description, or another's when there is none; NULL when
     * the files cannot be described any more. */
    struct plugin_info *info;
};
const struct registry_entry *registry_find(const struct registry *registry,
                                           uint32_t kind, const char *name);
/* Enabled entry `index`, by kind and name; NULL after the last. */
const struct registry_entry *registry_at(const struct registry *registry,
                                         size_t index);

/* The digest that was enabled for this machine; ERR_NOT_FOUND when the id is
 * not enabled or not there for that machine. */
int registry_digest(const struct registry *registry, uint32_t kind,
                    const char *name, const char *machine, struct digest *ret,
                    struct err *err);
/*
 * A sealed copy of the enabled file, for a transport's worker or an engine;
 * the caller closes it.  ERR_VERIFY when the file was changed after it was
 * enabled.  Blocks.
 */
int registry_open(const struct registry *registry, uint32_t kind,
                  const char *name, const char *machine, int *ret_fd,
                  struct digest *ret_digest, struct err *err);
/* The same by digest alone: what engines ask for.  Only enabled digests. */
int registry_open_digest(const struct registry *registry,
                         const struct digest *digest, int *ret_fd,
                         struct err *err);

#endif
