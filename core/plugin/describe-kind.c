/* SPDX-License-Identifier: Apache-2.0 */
/* What each kind of descriptor holds behind the common head. */
#include <string.h>

#include <slipway/action.h>
#include <slipway/transport.h>

#include "core/plugin/describe-internal.h"

#define HOUR_MS (60u * 60 * 1000)
#define TEXT_MAX 256 /* sockets, machine, file names */
#define FILE_NAME_MAX 64

static int damaged(struct err *err)
{
    return err_set(err, ERR_INVALID,
                   "its descriptor points at something that is not in the "
                   "file; build it again");
}

static int missing(struct err *err, const char *callback)
{
    return err_set(err, ERR_INVALID,
                   "its descriptor has no '%s', which every plugin of its "
                   "kind must have",
                   callback);
}

static int describe_action(struct member_reader *r, struct plugin_info *info,
                           struct err *err)
{
    info->action_flags = member_u64(r);
    uint64_t timeout_ms = member_u64(r);
    info->action_timeout_ms = timeout_ms ? timeout_ms : HOUR_MS;
    for (unsigned bit = DESCRIBED_PROBE; bit <= DESCRIBED_VERIFY; bit <<= 1)
        if (member_callback(r))
            info->action_callbacks |= bit;
    if (r->bad)
        return damaged(err);
    if (info->action_flags & ~(uint64_t)SLIPWAY_ACTION_DESTRUCTIVE)
        return err_set(err, ERR_INVALID,
                       "its descriptor sets flags that are not known (0x%llx)",
                       (unsigned long long)info->action_flags);
    if (!(info->action_callbacks & DESCRIBED_RUN))
        return missing(err, "run");
    return 0;
}

static int describe_transport(struct member_reader *r, struct plugin_info *info,
                              struct err *err)
{
    static const char *const callbacks[] = {
        "serve_start", "serve_drain",  "serve_stop",
        "fetch_start", "fetch_wanted", "fetch_stop",
    };
    const uint64_t serves =
        SLIPWAY_TRANSPORT_SERVES_BOOT_FILES | SLIPWAY_TRANSPORT_SERVES_OBJECTS;
    info->capabilities = member_u64(r);
    info->sockets = member_text(r, TEXT_MAX);
    (void)member_pointer(r); /* reserved */
    bool present[ARRAY_LENGTH(callbacks)];
    for (size_t i = 0; i < ARRAY_LENGTH(callbacks); i++)
        present[i] = member_callback(r);
    if (r->bad)
        return damaged(err);
    if (!info->capabilities ||
        info->capabilities & ~(serves | SLIPWAY_TRANSPORT_FETCHES_OBJECTS))
        return err_set(err, ERR_INVALID,
                       "its descriptor states no capability or one that is "
                       "not known (0x%llx)",
                       (unsigned long long)info->capabilities);
    for (size_t i = 0; i < ARRAY_LENGTH(callbacks); i++) {
        uint64_t needed_for =
            i < 3 ? serves : SLIPWAY_TRANSPORT_FETCHES_OBJECTS;
        if ((info->capabilities & needed_for) && !present[i])
            return missing(err, callbacks[i]);
    }
    return 0;
}

static bool published_name_ok(const char *name)
{
    size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-");
    return !name[length] && length && length <= FILE_NAME_MAX &&
           !strchr("._-", name[0]);
}

/* The table of boot files. */
static int describe_files(const struct elf_view *view, uint64_t address,
                          uint64_t count, bool renders,
                          struct plugin_info *info, struct err *err)
{
    if (count > DESCRIBE_MAX_FILES || (count && !address))
        return err_set(err, ERR_INVALID,
                       "its table of boot files must have 0 to %d entries",
                       DESCRIBE_MAX_FILES);
    info->files = calloc(count + 1, sizeof(*info->files));
    if (!info->files)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    for (uint64_t i = 0; i < count; i++) {
        struct member_reader r;
        struct plugin_boot_file *file = &info->files[i];
        if (!member_reader_init(&r, view, address, 8, 4096))
            return damaged(err);
        info->file_count++;
        file->name = member_text(&r, FILE_NAME_MAX);
        file->file = member_text(&r, FILE_NAME_MAX);
        address = r.end;
        if (r.bad)
            return damaged(err);
        if (!file->name || !published_name_ok(file->name) ||
            (file->file && !published_name_ok(file->file)))
            return err_set(err, ERR_INVALID,
                           "boot file %u of its table has a name that is not "
                           "of the form [a-z0-9][a-z0-9._-]{0,63}",
                           (unsigned)i);
        if (!file->file && !renders)
            return missing(err, "render");
    }
    return 0;
}

static int describe_arch(struct member_reader *r, struct plugin_info *info,
                         struct err *err)
{
    uint64_t files = member_pointer(r);
    info->arch_machine = member_text(r, TEXT_MAX);
    uint64_t count = member_u64(r);
    bool recognise = member_callback(r);
    bool answer = member_callback(r);
    bool renders = member_callback(r);
    (void)member_pointer(r); /* reserved */
    if (r->bad)
        return damaged(err);
    if (!recognise || !answer)
        return missing(err, recognise ? "answer" : "recognise");
    if (!info->arch_machine || !machine_find(info->arch_machine))
        return err_set(err, ERR_INVALID,
                       "its descriptor does not name a machine that is known "
                       "here");
    return describe_files(r->view, files, count, renders, info, err);
}

static int describe_store(struct member_reader *r, struct err *err)
{
    static const char *const callbacks[] = {
        "open",         "close",       "get",
        "list",         "txn",         "watch",
        "unwatch",      "lease_grant", "lease_keepalive",
        "lease_revoke", "campaign",    "compact",
        "backup",       "health",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(callbacks); i++)
        if (!member_callback(r))
            return r->bad ? damaged(err) : missing(err, callbacks[i]);
    return 0;
}

int describe_kind(struct member_reader *r, struct plugin_info *info,
                  struct err *err)
{
    switch (info->kind) {
    case SLIPWAY_KIND_ARCH:
        return describe_arch(r, info, err);
    case SLIPWAY_KIND_TRANSPORT:
        return describe_transport(r, info, err);
    case SLIPWAY_KIND_ACTION:
        return describe_action(r, info, err);
    case SLIPWAY_KIND_STORE:
        return describe_store(r, err);
    default:
        return err_set(err, ERR_UNSUPPORTED,
                       "it is of kind %u, which is not known here",
                       (unsigned)info->kind);
    }
}
