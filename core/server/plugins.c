/* SPDX-License-Identifier: Apache-2.0 */
/* Putting enabled plugins to work: see plugins.h. */
#include "core/server/plugins.h"

#include <string.h>

#include <slipway/transport.h>

#include "core/server/boot/publish.h"
#include "core/server/workers/worker.h"

static bool serves(const struct registry_entry *entry)
{
    return entry->kind == SLIPWAY_KIND_TRANSPORT && entry->info &&
           (entry->info->capabilities &
            (SLIPWAY_TRANSPORT_SERVES_BOOT_FILES | SLIPWAY_TRANSPORT_SERVES_OBJECTS));
}

static int start_transport(struct server *server,
                           const struct registry_entry *entry, struct err *err)
{
    struct digest digest;
    int fd = -1;
    int code = registry_open(server->registry, entry->kind, entry->name,
                             machine_own()->name, &fd, &digest, err);
    if (code != 0)
        return code;
    code = worker_transport_enable(server->workers, entry->name, fd, &digest,
                                   NULL, err);
    (void)close(fd);
    return code;
}

int plugins_apply(struct server *server, const json_t *document,
                  struct err *err)
{
    const char *word = json_string_value(json_object_get(document, "kind"));
    const char *name = json_string_value(json_object_get(document, "name"));
    uint32_t kind = word ? kind_find(word) : 0;
    if (!kind || !name)
        return err_set(err, ERR_CORRUPT, "a plugin's document has no kind or "
                       "no name");
    int code = registry_apply(server->registry, document, err);
    if (code != 0)
        return code;
    const struct registry_entry *entry =
        registry_find(server->registry, kind, name);
    if (!entry)
        return err_set(err, ERR_INTERNAL, "the registry lost '%s'", name);
    if (kind == SLIPWAY_KIND_ARCH)
        return publish_arch(server, entry, err);
    return serves(entry) ? start_transport(server, entry, err) : 0;
}

void plugins_remove(struct server *server, uint32_t kind, const char *name)
{
    const struct registry_entry *entry =
        registry_find(server->registry, kind, name);
    if (entry && kind == SLIPWAY_KIND_ARCH)
        withdraw_arch(server, entry);
    if (entry && serves(entry))
        worker_transport_disable(server->workers, name, NULL, NULL);
    registry_remove(server->registry, kind, name);
}
