/* SPDX-License-Identifier: Apache-2.0 */
/* Judging a plugin's ELF properties and ABI: see describe.h. */
#include <string.h>

#include "config.h"
#include "core/plugin/describe-internal.h"
#include "core/plugin/elf-check.h"

static bool copy_text(const char *text, char **ret)
{
    *ret = text ? strdup(text) : NULL;
    return *ret || !text;
}

static bool copy_facts(const struct elf_facts *facts, struct plugin_info *info)
{
    bool ok = copy_text(facts->run_path, &info->run_path) &&
              copy_text(facts->unversioned, &info->unversioned);
    for (size_t i = 0; ok && i < facts->needed_count; i++) {
        ok = copy_text(facts->needed[i], &info->needed[i]);
        info->needed_count = i + 1;
    }
    size_t listed = MIN(facts->export_count, DESCRIBE_MAX_EXPORTS);
    for (size_t i = 0; ok && i < listed; i++) {
        ok = copy_text(facts->exports[i], &info->exports[i]);
        info->export_count = i + 1;
    }
    info->export_count = ok ? facts->export_count : info->export_count;
    info->glibc_minor = facts->glibc_minor;
    return ok;
}

/* The first library outside the published list; NULL = none. */
static const char *unpublished(const struct plugin_info *info)
{
    for (size_t i = 0; i < info->needed_count; i++)
        if (!kind_may_need(info->kind, info->needed[i]))
            return info->needed[i];
    return NULL;
}

/* A library that does not version its symbols may be where an unversioned one
 * comes from, so only plugins that need nothing but the C library are judged.
 */
static bool undefined_is_certain(const struct plugin_info *info)
{
#ifdef SLIPWAY_SANITIZED
    return false; /* the runtimes' symbols have no versions */
#endif
    for (size_t i = 0; i < info->needed_count; i++)
        if (!kind_may_need(0, info->needed[i]))
            return false;
    return info->unversioned != NULL;
}

int describe_findings(const struct elf_view *view, struct plugin_info *info,
                      struct err *err)
{
    const struct elf_facts *facts = elf_view_facts(view);
    if (!copy_facts(facts, info))
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    unsigned found = 0;
    found |= facts->run_path ? FINDING_RPATH : 0;
    found |= unpublished(info) ? FINDING_NEEDED : 0;
#ifndef SLIPWAY_SANITIZED
    found |= facts->constructors ? FINDING_CONSTRUCTOR : 0;
#endif
    found |= facts->export_count > 1 ? FINDING_EXPORTS : 0;
    found |= facts->text_relocations ? FINDING_TEXTREL : 0;
    found |= facts->executable_stack ? FINDING_EXECSTACK : 0;
    found |= facts->relro && facts->bind_now ? 0 : FINDING_NO_RELRO;
    found |= facts->glibc_minor > DESCRIBE_GLIBC_MINOR ? FINDING_GLIBC : 0;
    found |= undefined_is_certain(info) ? FINDING_UNDEFINED : 0;
    info->findings = found;
    return 0;
}

/* The first exported symbol that is not the descriptor. */
static const char *second_export(const struct plugin_info *info)
{
    for (size_t i = 0; i < MIN(info->export_count, DESCRIBE_MAX_EXPORTS); i++)
        if (strcmp(info->exports[i], SLIPWAY_PLUGIN_SYMBOL_NAME))
            return info->exports[i];
    return "";
}

void plugin_info_explain(const struct plugin_info *info, unsigned finding,
                         struct err *err)
{
    switch (finding) {
    case FINDING_RPATH:
        (void)elf_refuse_run_path(info->run_path, err);
        break;
    case FINDING_NEEDED:
        (void)elf_refuse_library(info->kind, unpublished(info), err);
        break;
    case FINDING_CONSTRUCTOR:
        (void)elf_refuse_constructor(err);
        break;
    case FINDING_EXPORTS:
        (void)err_set(err, ERR_INVALID,
                      "it exports %zu symbols, '%s' among them, where a "
                      "plugin exports its descriptor only; compile it with "
                      "-fvisibility=hidden",
                      info->export_count, second_export(info));
        break;
    case FINDING_TEXTREL:
        (void)elf_refuse_text_relocations(err);
        break;
    case FINDING_EXECSTACK:
        (void)elf_refuse_executable_stack(err);
        break;
    case FINDING_NO_RELRO:
        (void)err_set(err, ERR_INVALID,
                      "its relocations stay writable; link it with "
                      "-Wl,-z,relro,-z,now");
        break;
    case FINDING_GLIBC:
        (void)err_set(err, ERR_INVALID,
                      "it asks for version 2.%u of the C library, newer than "
                      "2.%u that plugins may count on; build it on the older "
                      "system",
                      info->glibc_minor, DESCRIBE_GLIBC_MINOR);
        break;
    default:
        (void)err_set(err, ERR_INVALID,
                      "it uses the symbol '%s', which no library that it "
                      "needs is known to have; link it with -Wl,-z,defs",
                      info->unversioned ? info->unversioned : "");
    }
}

int plugin_info_check(const struct plugin_info *info, struct err *err)
{
    int code = abi_check(info->major, info->level, info->needs_level, err);
    if (code)
        return code;
    for (unsigned bit = FINDING_RPATH; bit <= FINDING_UNDEFINED; bit <<= 1)
        if (info->findings & bit) {
            struct err why = ERR_INIT;
            plugin_info_explain(info, bit, &why);
            return err_set(err, why.code, "%s", why.text);
        }
    return 0;
}
