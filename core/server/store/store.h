/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's documents: small JSON objects in the store plugin that the
 * configuration names, each with a revision, changed by compare-and-swap.
 *
 * Keys are "/v1/<kind>/<id>"; every document has a "schema" number.  All on
 * the loop's thread; completions run on the loop later, never inside the
 * call.  A completion's `err` is NULL on success and otherwise carries
 *
 *   ERR_CONFLICT     a document is not at the expected revision
 *   ERR_NOT_FOUND    there is no such document
 *   ERR_UNAVAILABLE  certainly not done; may be tried again
 *   ERR_TOO_BIG      a document or a key is over the store's limit
 *   ERR_DENIED       the store refuses us
 *   ERR_CORRUPT      what is stored is damaged; the sentence names it
 *
 * "It may or may not have happened" (SLIPWAY_STORE_UNKNOWN) never comes out:
 * each change also writes a marker of its own, which is read, and fenced if
 * it is missing, until the outcome is certain (see store.c).  A completion can
 * therefore take as long as the store is away.
 */
#ifndef CORE_SERVER_STORE_STORE_H
#define CORE_SERVER_STORE_STORE_H

#include <stdbool.h>

#include <jansson.h>

#include <slipway/store.h>

#include "core/util/loop.h"

struct store;

/* A document as a completion sees it; borrowed until the completion returns
 * (json_incref keeps `json`). */
struct store_doc {
    const char *key;
    json_t *json;
    uint64_t revision;
    uint64_t create_revision;
};

typedef void store_done(void *arg, uint64_t revision, const struct err *err);
typedef void store_got(void *arg, const struct store_doc *doc,
                       const struct err *err);
/* `more`: the list was cut by its limit; go on after the last key. */
typedef void store_listed(void *arg, const struct store_doc *docs,
                          size_t count, bool more, const struct err *err);

/*
 * Opens the store; may block, so only at start.  `plugin` outlives the store
 * (its code stays mapped).  `writer` names this server in the store: letters,
 * digits and hyphens; two processes never use the same one at a time.
 */
int store_new(struct loop *loop, const struct slipway_store_plugin *plugin,
              const char *location, const char *writer,
              struct store **ret_store, struct err *err);
/* Finishes what the plugin has accepted; pending completions are dropped. */
void store_free(struct store *store);

void store_get(struct store *store, const char *key, store_got *got,
               void *arg);
/* Keys that begin with `prefix` and follow `after` (NULL = all), in key
 * order, at most `limit` (1..1000). */
void store_list(struct store *store, const char *prefix, const char *after,
                size_t limit, store_listed *listed, void *arg);
/*
 * Every document below `prefix`, page by page from one revision: each(arg,
 * doc, NULL) for each, then each(arg, NULL, NULL) once, or each(arg, NULL, err)
 * once instead.
 */
void store_each(struct store *store, const char *prefix, store_got *each,
                void *arg);

/*
 * The same at start, to fill an owner's tables: enter() takes one document
 * and says why not when it is damaged, which is logged and hides no other;
 * loaded(arg, NULL) comes after the last, or loaded(arg, err) once instead.
 */
typedef int store_enter(void *owner, const struct store_doc *doc,
                        struct err *err);
typedef void store_loaded(void *arg, const struct err *err);
void store_load(struct store *store, const char *prefix, store_enter *enter,
                void *owner, store_loaded *loaded, void *arg);

/* What a document must be before it is changed. */
#define STORE_NEW 0u             /* it must not exist */
#define STORE_ANY UINT64_MAX     /* whatever it is */

/* Steals `json` in every case.  `revision` of the completion is the new one. */
void store_put(struct store *store, const char *key, json_t *json,
               uint64_t expected, store_done *done, void *arg);
/* NOT_FOUND does not come: a document that is gone is deleted. */
void store_delete(struct store *store, const char *key, uint64_t expected,
                  store_done *done, void *arg);

enum store_change_kind {
    STORE_CHANGE_PUT,
    STORE_CHANGE_DELETE,
    STORE_CHANGE_CHECK, /* changes nothing, but must be at `expected` */
};

struct store_change {
    enum store_change_kind kind;
    const char *key;   /* borrowed until the call returns */
    json_t *json;      /* PUT: stolen in every case */
    uint64_t expected; /* a revision, STORE_NEW or STORE_ANY */
};

#define STORE_MAX_CHANGES 32

/* All or nothing, in one revision. */
void store_apply(struct store *store, struct store_change *changes,
                 size_t count, store_done *done, void *arg);

/* Forgets the history of changes but for the newest `keep` revisions.  Nobody
 * is told: it is done again the next time. */
void store_compact(struct store *store, uint64_t keep);

/* OK when the store can be read and written just now. */
void store_health(struct store *store, store_done *done, void *arg);

#endif
