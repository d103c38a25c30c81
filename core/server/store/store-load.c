/* SPDX-License-Identifier: Apache-2.0 */
/* Reading one kind of document into memory at start.  See store.h. */
#include "core/server/store/store.h"

#include "core/util/log.h"

struct load {
    store_enter *enter;
    void *owner;
    store_loaded *loaded;
    void *arg;
};

static void load_one(void *arg, const struct store_doc *doc,
                     const struct err *err)
{
    struct load *load = arg;
    struct err why = ERR_INIT;
    if (!doc) {
        load->loaded(load->arg, err);
        free(load);
    } else if (load->enter(load->owner, doc, &why)) {
        log_error("Document '%s' is damaged and left out: %s", doc->key,
                  why.text);
    }
}

void store_load(struct store *store, const char *prefix, store_enter *enter,
                void *owner, store_loaded *loaded, void *arg)
{
    struct load *load = calloc(1, sizeof(*load));
    if (!load) {
        struct err err = ERR_INIT;
        (void)err_set(&err, ERR_NO_MEMORY, "out of memory to load '%s'",
                      prefix);
        loaded(arg, &err);
        return;
    }
    *load = (struct load){enter, owner, loaded, arg};
    store_each(store, prefix, load_one, load);
}
