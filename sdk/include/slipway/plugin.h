/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The common head of every plugin descriptor, the closed list of result
 * codes, and the rules that every structure on the border obeys.
 *
 * A plugin is one shared object that exports one symbol,
 * `slipway_plugin_descriptor`: a const object of static storage.  Hosts read
 * it from the ELF file without running any code of the plugin, so it must not
 * need a constructor; the register macros of each kind see to that.
 *
 * Rules for every structure here, in both directions:
 *  - the first member is its size in bytes, set by whoever allocates it;
 *  - members are pointers, 64-bit integers, or pairs of 32-bit integers, and
 *    pointers stand in pairs, so that no ABI inserts padding;
 *  - a member that is 0 or NULL is absent and its stated default applies;
 *  - inside one major, members are only ever appended.
 */
#ifndef SLIPWAY_PLUGIN_H
#define SLIPWAY_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#include <slipway/version.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Kinds of plugin (the `kind` member of the head). */
#define SLIPWAY_KIND_ARCH 1u
#define SLIPWAY_KIND_TRANSPORT 2u
#define SLIPWAY_KIND_ACTION 3u
#define SLIPWAY_KIND_STORE 4u

/*
 * Results of callbacks and host services: 0, or one of these.  The sentence
 * that explains a failure goes through the host's `fail` service; the first
 * one wins.
 */
#define SLIPWAY_OK 0
#define SLIPWAY_EINVAL (-1)       /* a parameter or argument is not valid */
#define SLIPWAY_ENOTAPPLICABLE (-2) /* nothing to do on this machine */
#define SLIPWAY_EIO (-3)          /* a device, file or peer failed */
#define SLIPWAY_EVERIFY (-4)      /* content differs from what was signed */
#define SLIPWAY_ENOSPACE (-5)     /* a device or file system is too small */
#define SLIPWAY_ECANCELLED (-6)   /* the host asked to stop */
#define SLIPWAY_EUNSUPPORTED (-7) /* this host or machine cannot do it */
#define SLIPWAY_EINTERNAL (-8)    /* a defect in the plugin or the host */

/* Severities of the `log` services. */
#define SLIPWAY_LOG_ERROR 0u  /* an operation failed */
#define SLIPWAY_LOG_WARN 1u   /* went on anyway; say what is used instead */
#define SLIPWAY_LOG_NOTICE 2u /* a change that an operator wants to see */
#define SLIPWAY_LOG_INFO 3u
#define SLIPWAY_LOG_DEBUG 4u

struct slipway_param; /* <slipway/params.h> */

/*
 * The head.  Every kind's descriptor begins with these members, in this
 * order, which never changes:
 *
 *  size          sizeof the kind's whole descriptor as the plugin knew it
 *  major, level  SLIPWAY_ABI_MAJOR and SLIPWAY_ABI_LEVEL when it was compiled
 *  kind          SLIPWAY_KIND_*
 *  needs_level   the lowest host level it can work with; default 0
 *  name          equals the file name without ".so"; [a-z][a-z0-9-]{0,31}
 *  version       the plugin's own version, free text of at most 64 bytes
 *  summary       one line for lists, at most 120 bytes
 *  params        declared parameters, or NULL (see params.h)
 *  params_count  number of entries in params
 */
#define SLIPWAY_PLUGIN_HEAD                                                    \
    uint64_t size;                                                             \
    uint32_t major;                                                            \
    uint32_t level;                                                            \
    uint32_t kind;                                                             \
    uint32_t needs_level;                                                      \
    const char *name;                                                          \
    const char *version;                                                       \
    const char *summary;                                                       \
    const struct slipway_param *params;                                        \
    uint64_t params_count

/* Any descriptor seen through its head. */
struct slipway_plugin {
    SLIPWAY_PLUGIN_HEAD;
};

/* The one symbol that a plugin exports. */
#define SLIPWAY_PLUGIN_SYMBOL slipway_plugin_descriptor
#define SLIPWAY_PLUGIN_SYMBOL_NAME "slipway_plugin_descriptor"

#if defined(__GNUC__)
#define SLIPWAY_EXPORT __attribute__((visibility("default")))
#else
#define SLIPWAY_EXPORT
#endif

/*
 * True when the other side's structure at `p` reaches as far as `member` and
 * has a value in it.  `p` must begin with its size.
 */
#define SLIPWAY_HAS(p, type, member)                                           \
    ((p)->size >= offsetof(type, member) + sizeof((p)->member) &&              \
     (p)->member)

/*
 * Stops the compilation when a structure has padding: `sum` is the sum of the
 * sizes of its members.  Used for every structure of these headers.
 */
#define SLIPWAY_NO_PADDING(type, sum)                                          \
    typedef char slipway_no_padding_##type[sizeof(struct type) == (sum) ? 1 : -1]

SLIPWAY_NO_PADDING(slipway_plugin, 32 + 4 * sizeof(void *));

#ifdef __cplusplus
}
#endif

#endif
