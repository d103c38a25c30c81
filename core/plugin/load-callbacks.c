/* SPDX-License-Identifier: Apache-2.0 */
/* What each kind of plugin must have, in a loaded descriptor. */
#include "core/plugin/load-internal.h"

#define REQUIRE(descriptor, member)                                            \
    do {                                                                       \
        if (!(descriptor)->member)                                             \
            return missing(err, #member);                                      \
    } while (0)

static int missing(struct err *err, const char *callback)
{
    return err_set(err, ERR_INVALID,
                   "its descriptor has no '%s', which every plugin of its "
                   "kind must have",
                   callback);
}

static int check_arch(const struct slipway_arch_plugin *arch, struct err *err)
{
    REQUIRE(arch, recognise);
    REQUIRE(arch, answer);
    REQUIRE(arch, machine);
    return 0;
}

static int check_transport(const struct slipway_transport_plugin *transport,
                           struct err *err)
{
    const uint64_t serves =
        SLIPWAY_TRANSPORT_SERVES_BOOT_FILES | SLIPWAY_TRANSPORT_SERVES_OBJECTS;
    const uint64_t known = serves | SLIPWAY_TRANSPORT_FETCHES_OBJECTS;
    uint64_t has = transport->capabilities;
    if (!has || has & ~known)
        return err_set(err, ERR_INVALID,
                       "its descriptor states no capability or one that is "
                       "not known (0x%llx)",
                       (unsigned long long)has);
    if (has & serves) {
        REQUIRE(transport, serve_start);
        REQUIRE(transport, serve_drain);
        REQUIRE(transport, serve_stop);
    }
    if (has & SLIPWAY_TRANSPORT_FETCHES_OBJECTS) {
        REQUIRE(transport, fetch_start);
        REQUIRE(transport, fetch_wanted);
        REQUIRE(transport, fetch_stop);
    }
    return 0;
}

static int check_action(const struct slipway_action_plugin *action,
                        struct err *err)
{
    if (action->flags & ~(uint64_t)SLIPWAY_ACTION_DESTRUCTIVE)
        return err_set(err, ERR_INVALID,
                       "its descriptor sets flags that are not known (0x%llx)",
                       (unsigned long long)action->flags);
    REQUIRE(action, run);
    return 0;
}

static int check_store(const struct slipway_store_plugin *store,
                       struct err *err)
{
    REQUIRE(store, open);
    REQUIRE(store, close);
    REQUIRE(store, get);
    REQUIRE(store, list);
    REQUIRE(store, txn);
    REQUIRE(store, watch);
    REQUIRE(store, unwatch);
    REQUIRE(store, lease_grant);
    REQUIRE(store, lease_keepalive);
    REQUIRE(store, lease_revoke);
    REQUIRE(store, campaign);
    REQUIRE(store, compact);
    REQUIRE(store, backup);
    REQUIRE(store, health);
    return 0;
}

int load_check_callbacks(const struct plugin *plugin, struct err *err)
{
    switch (plugin->kind) {
    case SLIPWAY_KIND_ARCH:
        return check_arch(&plugin->as.arch, err);
    case SLIPWAY_KIND_TRANSPORT:
        return check_transport(&plugin->as.transport, err);
    case SLIPWAY_KIND_ACTION:
        return check_action(&plugin->as.action, err);
    default:
        return check_store(&plugin->as.store, err);
    }
}
