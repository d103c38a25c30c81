/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a plugin's file says about itself, read from the ELF file of any
 * machine without running any of it.  Server and checker only.
 */
#ifndef CORE_PLUGIN_DESCRIBE_H
#define CORE_PLUGIN_DESCRIBE_H

#include <jansson.h>
#include <stdbool.h>

#include "core/plugin/kind.h"
#include "core/plugin/params.h"
#include "core/util/crypto.h"

#define DESCRIBE_MAX_NEEDED 32
#define DESCRIBE_MAX_FILES 32
#define DESCRIBE_MAX_EXPORTS 16 /* listed; more are counted */

/* Findings about the ELF file (bits of plugin_info.findings). */
#define FINDING_RPATH (1u << 0)  /* RPATH or RUNPATH present */
#define FINDING_NEEDED (1u << 1) /* a library outside the kind's list */
#define FINDING_CONSTRUCTOR                                                    \
    (1u << 2)                       /* code beside the toolchain's own runs    \
                                       when it is loaded */
#define FINDING_EXPORTS (1u << 3)   /* exports more than its descriptor */
#define FINDING_TEXTREL (1u << 4)   /* relocations in its code */
#define FINDING_EXECSTACK (1u << 5) /* asks for an executable stack */
#define FINDING_NO_RELRO (1u << 6)  /* no -z relro -z now */
#define FINDING_GLIBC (1u << 7)     /* symbols newer than the baseline */
#define FINDING_UNDEFINED                                                      \
    (1u << 8) /* undefined symbols that no needed                              \
                 library is named for */

/* The baseline: newer symbol versions are a finding. */
#define DESCRIBE_GLIBC_MINOR 36

/* A boot file that an arch plugin ships. */
struct plugin_boot_file {
    char *name; /* published name */
    char *file; /* below $(pkgdatadir)/boot/<plugin>/ */
};

/* Callbacks of an action that are present. */
#define DESCRIBED_PROBE 1u
#define DESCRIBED_PREPARE 2u
#define DESCRIBED_RUN 4u
#define DESCRIBED_VERIFY 8u

struct plugin_info {
    struct digest digest; /* of the file */
    uint64_t length;      /* of the file */
    const struct machine *machine;

    uint32_t kind;
    uint32_t major;
    uint32_t level;
    uint32_t needs_level;
    uint64_t descriptor_bytes;
    bool reduced; /* has members that this host does not know */
    char *name;
    char *version;
    char *summary;
    struct param_table params;

    uint64_t action_flags;      /* SLIPWAY_ACTION_DESTRUCTIVE or 0 */
    uint64_t action_timeout_ms; /* the default filled in */
    unsigned action_callbacks;  /* DESCRIBED_* */
    uint64_t capabilities;      /* SLIPWAY_TRANSPORT_* */
    char *sockets;              /* "" when none */
    char *arch_machine;         /* engine that the arch's clients run */
    struct plugin_boot_file *files;
    size_t file_count;

    unsigned findings; /* FINDING_* */
    char *needed[DESCRIBE_MAX_NEEDED];
    size_t needed_count;
    char *exports[DESCRIBE_MAX_EXPORTS];
    size_t export_count;  /* may be above DESCRIBE_MAX_EXPORTS */
    char *run_path;       /* NULL when there is none */
    unsigned glibc_minor; /* newest GLIBC_2.N it asks for */
    char *unversioned;    /* an undefined symbol without a version, or NULL */
};

/*
 * Reads `length` bytes of an ELF file.  Fails with ERR_INVALID and one
 * sentence when it is no plugin that can be described; whether it may be
 * enabled is plugin_info_check's decision.  `name` is the name it should have
 * (its file's), or NULL to accept any.  Pure; any thread.
 */
int plugin_describe(const void *data, size_t length, const char *name,
                    struct plugin_info **ret, struct err *err);
void plugin_info_free(struct plugin_info *info);
DEFINE_AUTO(plugin_info, struct plugin_info, plugin_info_free)
#define AUTO_PLUGIN_INFO                                                       \
    __attribute__((cleanup(auto_plugin_info))) struct plugin_info *

/* 0, or why this plugin may not be enabled: its ABI or its findings. */
int plugin_info_check(const struct plugin_info *info, struct err *err);
/* The sentence of one finding. */
void plugin_info_explain(const struct plugin_info *info, unsigned finding,
                         struct err *err);

/* As one JSON object for REST and `slipway plugin describe`. */
json_t *plugin_info_json(const struct plugin_info *info);

#endif
