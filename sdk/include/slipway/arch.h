/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arch plugins: how one family of firmware finds its boot file.
 *
 * All callbacks are pure functions: they read their arguments, write through
 * the host's bounded writer, keep no state and do no I/O.  They are called on
 * slipwayd's event loop, for every boot request, and must not block.
 */
#ifndef SLIPWAY_ARCH_H
#define SLIPWAY_ARCH_H

#include <slipway/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a client said, already parsed and bounded by the host. */
#define SLIPWAY_BOOT_DHCP_DISCOVER 1u /* port 67 */
#define SLIPWAY_BOOT_DHCP_REQUEST 2u  /* port 67 */
#define SLIPWAY_BOOT_PXE_REQUEST 3u   /* port 4011 */
#define SLIPWAY_BOOT_BOOTP 4u         /* no option 53 */

struct slipway_boot_request {
    uint64_t size;
    uint32_t kind;             /* SLIPWAY_BOOT_* */
    uint32_t arch_count;       /* entries in arch: option 93, may be 0 */
    const uint32_t *arch;      /* architecture codes in the client's order */
    const char *class_id;      /* option 60, printable, "" when absent */
    const char *user_class;    /* option 77 in either form, "" when absent */
    const unsigned char *options; /* all options as received, code-length-value
                                     (RFC 2132), without pad and end */
    uint64_t options_length;
    const char *mac;           /* "52:54:00:12:34:56" */
    const char *uuid;          /* SMBIOS text order, "" when absent */
    uint32_t proxy;            /* 1: another server gives the addresses; the
                                  host sends the answer in the way that suits
                                  the firmware */
    uint32_t reserved;         /* 0 */
};

SLIPWAY_NO_PADDING(slipway_boot_request, 32 + 6 * sizeof(void *));

/* What the server wants this client to do. */
#define SLIPWAY_INTENT_LOCAL 1u  /* start the operating system on its disk */
#define SLIPWAY_INTENT_ENGINE 2u /* load the deployment engine */
#define SLIPWAY_INTENT_MENU 3u   /* show the menu */

struct slipway_boot_intent {
    uint64_t size;
    uint32_t intent;            /* SLIPWAY_INTENT_* */
    uint32_t attempt;           /* how often this answer was given in a row */
    const char *server_address; /* ours on the client's network, "192.0.2.1" */
    const char *http_base;      /* "http://192.0.2.1:7080", no final slash */
};

SLIPWAY_NO_PADDING(slipway_boot_intent, 16 + 2 * sizeof(void *));

/*
 * The bounded writer.  Each call returns 0, or SLIPWAY_ENOSPACE /
 * SLIPWAY_EINVAL when the value does not fit or is not allowed; the host then
 * sends no boot answer and logs the plugin's name.  Address, lease, server
 * identifier, relay and machine-identifier options are the host's own.
 */
struct slipway_boot_writer {
    uint64_t size;
    void *private_data;
    /* DHCP option `code` (60, 43, 209, ...; not 1-3, 6, 50-59, 61, 67, 82). */
    int (*option)(const struct slipway_boot_writer *writer, uint32_t code,
                  const void *data, uint64_t length);
    /* The boot file: header field `file` and option 67, terminated in both. */
    int (*boot_file)(const struct slipway_boot_writer *writer,
                     const char *name);
    /* The published name of the engine build's file with this role (`engine`,
     * `kernel`, `initramfs`) for `machine`; NULL when none is published. */
    const char *(*engine_file)(const struct slipway_boot_writer *writer,
                               const char *machine, const char *role);
    /* Appends to the text that `render` writes. */
    int (*text)(const struct slipway_boot_writer *writer, const char *text);
    /* Records why there is no answer; returns `code`. */
    int (*fail)(const struct slipway_boot_writer *writer, int code,
                const char *sentence);
    /* The kernel's command line that the engine build for `machine` wants;
     * NULL when none is published.  For `render` alone, like `text`. */
    const char *(*engine_command_line)(const struct slipway_boot_writer *writer,
                                       const char *machine);
    /* The asking machine's label of this name, as its admin set it; NULL when
     * it has none.  For `answer` alone. */
    const char *(*label)(const struct slipway_boot_writer *writer,
                         const char *name);
};

SLIPWAY_NO_PADDING(slipway_boot_writer, 8 + 8 * sizeof(void *));

/* A boot file that the plugin brings: shipped below
 * $(pkgdatadir)/boot/<plugin>/, or a text that it renders. */
struct slipway_boot_file {
    uint64_t size;     /* sizeof(struct slipway_boot_file): the stride */
    const char *name;  /* published name, [a-z0-9][a-z0-9._-]{0,63} */
    const char *file;  /* one path component below the plugin's folder;
                          NULL = `render` writes it */
};

SLIPWAY_NO_PADDING(slipway_boot_file, 8 + 2 * sizeof(void *));

struct slipway_arch_plugin {
    SLIPWAY_PLUGIN_HEAD;
    const struct slipway_boot_file *files; /* shipped files, or NULL */
    const char *machine; /* which engine these clients run, "x86_64" */
    uint64_t files_count;
    /*
     * How sure the plugin is that this client is one of its own: 0 = not
     * mine, 1..1000; the highest score answers, equal scores by name order.
     * Required.
     */
    int (*recognise)(const struct slipway_boot_request *request);
    /* Writes the boot part of the answer.  Required. */
    int (*answer)(const struct slipway_boot_request *request,
                  const struct slipway_boot_intent *intent,
                  const struct slipway_boot_writer *writer);
    /* Writes the text of the boot file `name`, which is the same for every
     * client; SLIPWAY_ENOTAPPLICABLE = there is nothing to publish now.
     * Required when a boot file has no `file`. */
    int (*render)(const char *name, const struct slipway_boot_writer *writer);
    void *reserved; /* NULL */
};

SLIPWAY_NO_PADDING(slipway_arch_plugin, 40 + 10 * sizeof(void *));

/* Defines the descriptor; members may be given in any order. */
#define SLIPWAY_ARCH_PLUGIN(...)                                               \
    extern SLIPWAY_EXPORT const struct slipway_arch_plugin                     \
        SLIPWAY_PLUGIN_SYMBOL;                                                 \
    const struct slipway_arch_plugin SLIPWAY_PLUGIN_SYMBOL = {                 \
        .size = sizeof(struct slipway_arch_plugin),                            \
        .major = SLIPWAY_ABI_MAJOR,                                            \
        .level = SLIPWAY_ABI_LEVEL,                                            \
        .kind = SLIPWAY_KIND_ARCH,                                             \
        __VA_ARGS__                                                            \
    }

#ifdef __cplusplus
}
#endif

#endif
