/* SPDX-License-Identifier: Apache-2.0 */
/* The common head of a descriptor, and what describe.h promises about it. */
#include "core/plugin/describe.h"

#include <string.h>

#include "core/plugin/describe-internal.h"

#define DESCRIPTOR_MAX_BYTES 4096
#define VERSION_MAX 64
#define SUMMARY_MAX 120
#define HELP_MAX 1024
#define DEFAULT_MAX 1024

void plugin_info_free(struct plugin_info *info)
{
    if (!info)
        return;
    for (size_t i = 0; i < info->needed_count; i++)
        free(info->needed[i]);
    for (size_t i = 0; i < MIN(info->export_count, DESCRIBE_MAX_EXPORTS); i++)
        free(info->exports[i]);
    for (size_t i = 0; i < info->file_count; i++) {
        free(info->files[i].name);
        free(info->files[i].file);
    }
    free(info->files);
    free(info->run_path);
    free(info->unversioned);
    free(info->name);
    free(info->version);
    free(info->summary);
    free(info->sockets);
    free(info->arch_machine);
    param_table_done(&info->params);
    free(info);
}

int describe_params(const struct elf_view *view, uint64_t address,
                    uint64_t count, struct plugin_info *info, struct err *err)
{
    struct param_table *table = &info->params;
    if (count > PARAMS_MAX || (count && !address))
        return err_set(err, ERR_INVALID,
                       "its parameter table must have 0 to %d entries",
                       PARAMS_MAX);
    table->items = calloc(count + 1, sizeof(*table->items));
    if (!table->items)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    for (uint64_t i = 0; i < count; i++) {
        struct member_reader r;
        struct param *param = &table->items[i];
        bool there =
            member_reader_init(&r, view, address, 8, DESCRIPTOR_MAX_BYTES);
        table->count++;
        param->type = member_u32(&r);
        param->flags = member_u32(&r);
        param->name = member_text(&r, PLUGIN_NAME_BYTES);
        param->help = member_text(&r, HELP_MAX);
        param->default_text = member_text(&r, DEFAULT_MAX);
        param->choices = member_text(&r, HELP_MAX);
        param->min = member_u64(&r);
        param->max = member_u64(&r);
        if (!there || r.bad)
            return err_set(err, ERR_INVALID,
                           "entry %u of its parameter table is damaged",
                           (unsigned)i);
        address = r.end;
    }
    return param_table_check(table, err);
}

/* The names and numbers that every kind begins with; gives the position and
 * length of the parameter table. */
static int read_head(struct member_reader *r, struct plugin_info *info,
                     uint64_t *ret_params, uint64_t *ret_count, struct err *err)
{
    info->descriptor_bytes = r->end - r->at + 8;
    info->major = member_u32(r);
    info->level = member_u32(r);
    info->kind = member_u32(r);
    info->needs_level = member_u32(r);
    info->name = member_text(r, PLUGIN_NAME_BYTES);
    info->version = member_text(r, VERSION_MAX);
    info->summary = member_text(r, SUMMARY_MAX);
    *ret_params = member_pointer(r);
    *ret_count = member_u64(r);
    if (r->bad || !info->name || !info->version || !info->summary)
        return err_set(err, ERR_INVALID,
                       "its descriptor has no readable name (32 bytes), "
                       "version (64) and summary (120)");
    if (!plugin_name_ok(info->name))
        return err_set(err, ERR_INVALID,
                       "its descriptor names it in another form than "
                       "[a-z][a-z0-9-]{0,31}");
    return 0;
}

static int read_descriptor(const struct elf_view *view,
                           struct plugin_info *info, struct err *err)
{
    const struct elf_facts *facts = elf_view_facts(view);
    uint64_t head = 32 + 4 * (uint64_t)elf_view_pointer_bytes(view);
    struct member_reader r;
    uint64_t params, count;
    if (!facts->descriptor)
        return err_set(err, ERR_INVALID,
                       "it does not export '%s'; is it a Slipway plugin?",
                       SLIPWAY_PLUGIN_SYMBOL_NAME);
    if (!member_reader_init(&r, view, facts->descriptor, head,
                            DESCRIPTOR_MAX_BYTES))
        return err_set(err, ERR_INVALID,
                       "its descriptor states a size that is too small, too "
                       "large or no multiple of 8");
    int code = read_head(&r, info, &params, &count, err);
    /* Another generation's descriptor may mean anything behind its head. */
    if (code || info->major != SLIPWAY_ABI_MAJOR)
        return code;
    code = describe_params(view, params, count, info, err);
    if (!code)
        code = describe_kind(&r, info, err);
    info->reduced = member_more(&r);
    return code;
}

int plugin_describe(const void *data, size_t length, const char *name,
                    struct plugin_info **ret, struct err *err)
{
    AUTO_PLUGIN_INFO info = calloc(1, sizeof(*info));
    __attribute__((cleanup(auto_elf_view))) struct elf_view *view = NULL;
    if (!info)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    int code = elf_view_open(data, length, &view, err);
    if (code)
        return code;
    info->machine = elf_view_machine(view);
    info->length = length;
    digest_of(data, length, &info->digest);
    code = read_descriptor(view, info, err);
    if (!code)
        code = describe_findings(view, info, err);
    if (!code && name && strcmp(name, info->name))
        code = err_set(err, ERR_INVALID,
                       "its descriptor names it '%s'; rename the file or the "
                       "plugin",
                       info->name);
    if (!code)
        *ret = TAKE(info);
    return code;
}
