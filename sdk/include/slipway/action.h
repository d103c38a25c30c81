/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Action plugins: one step of a task on the target machine.
 *
 * The engine starts one process per step, `slipway-engine action NAME`, loads
 * the plugin there from a sealed memfd whose digest stands in the signed plan,
 * and calls, in this order and each at most once, all from one thread:
 *
 *   probe    is there anything to do here?  Must change nothing.
 *   prepare  say what will be written (`declare_write`).  Must change nothing.
 *   run      do it.
 *   verify   look whether it held.
 *
 * The process has no network, no keys and no devices but those that prepare
 * declared.  A crash, a hang past the step's time limit, or a non-zero result
 * fails this step only; the engine and the other steps are not touched.
 */
#ifndef SLIPWAY_ACTION_H
#define SLIPWAY_ACTION_H

#include <slipway/params.h>
#include <slipway/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Flags of slipway_disk. */
#define SLIPWAY_DISK_READ_ONLY 1u  /* the medium cannot be written */
#define SLIPWAY_DISK_REMOVABLE 2u
#define SLIPWAY_DISK_ROTATIONAL 4u
#define SLIPWAY_DISK_UNREADABLE 8u /* reading its first sector failed */

/* Facts of one disk that survive a reboot.  Strings are "" when unknown. */
struct slipway_disk {
    uint64_t size;               /* sizeof(struct slipway_disk): the stride */
    uint64_t id;                 /* handle for the other services, this run */
    uint64_t size_bytes;
    uint64_t flags;              /* SLIPWAY_DISK_* */
    uint32_t logical_sector_bytes;
    uint32_t physical_sector_bytes;
    const char *name;            /* kernel name, "vda"; not stable */
    const char *serial;
    const char *model;
    const char *wwn;
    const char *path;            /* stable bus path, "pci-0000:00:04.0" */
    const char *transport;       /* "sata", "nvme", "virtio", "usb", "file" */
};

SLIPWAY_NO_PADDING(slipway_disk, 40 + 6 * sizeof(void *));

/* One file for `personalise`. */
struct slipway_file {
    uint64_t size;      /* sizeof(struct slipway_file): the stride */
    const char *path;   /* absolute inside the file system, no ".." */
    const void *data;   /* contents */
    uint64_t length;    /* bytes at data, at most 1 MiB */
    uint32_t mode;      /* permission bits, 0644 and the like */
    uint32_t partition; /* number of the image's partition; 0 = the one with
                         * the root file system; the same for all files */
    uint32_t owner;     /* numeric user */
    uint32_t group;     /* numeric group */
    const char *needs;  /* path that must be there already, or NULL */
    const char *needs_text; /* the sentence when it is not, or NULL */
};

SLIPWAY_NO_PADDING(slipway_file, 32 + 4 * sizeof(void *));

/* A command for `command_run`; the reply members are filled by the host. */
struct slipway_command {
    uint64_t size;
    const char *const *argv;  /* NULL-terminated; argv[0] is an absolute path */
    const char *input;        /* text for its standard input, or NULL */
    uint64_t timeout_ms;      /* 0 = what is left of the step */
    uint64_t exit_status;     /* reply: 0..255, or 256 + signal number */
    const char *output;       /* reply: stdout, NUL-terminated, arena memory */
    const char *errors;       /* reply: stderr, the same */
};

SLIPWAY_NO_PADDING(slipway_command, 24 + 4 * sizeof(void *));

/*
 * What the host offers while a callback runs.  Every service may be called
 * from the callback's thread only, and blocks until the host has answered.
 * Strings handed out live until the callback returns.
 */
struct slipway_action_host {
    uint64_t size;
    uint64_t flags; /* SLIPWAY_ACTION_DRY_RUN or 0 */
    void *private_data; /* the host's; plugins leave it alone */

    /*
     * run: a datagram socket with the LLDP frames that the port `port` (its
     * kernel name, as in the facts) has heard since the engine brought it up
     * and will hear while it is open.  Each datagram is one LLDPDU, without
     * the Ethernet header (IEEE 802.1AB-2016, clause 8); a frame is read once,
     * whoever reads it.  Nothing else arrives there.  The caller closes it.
     * SLIPWAY_EUNSUPPORTED: this engine cannot listen there.  May be NULL: a
     * reserved member stood here first.
     */
    int (*lldp_open)(const struct slipway_action_host *host, const char *port,
                     int *ret_fd);

    /* Logs one finished line of UTF-8 (level: SLIPWAY_LOG_*). */
    void (*log)(const struct slipway_action_host *host, uint32_t level,
                const char *text);

    /* Reports progress: 0..1000, never going back, and a short text. */
    void (*progress)(const struct slipway_action_host *host, uint32_t permille,
                     const char *text);

    /* Records why the step fails and returns `code`; the first one wins. */
    int (*fail)(const struct slipway_action_host *host, int code,
                const char *sentence);

    /* Non-zero once the host wants the step to stop soon. */
    int (*cancelled)(const struct slipway_action_host *host);

    /* Milliseconds of a clock that never goes back. */
    uint64_t (*now_ms)(const struct slipway_action_host *host);

    /* Zeroed memory that lives as long as the step; NULL when it is gone. */
    void *(*alloc)(const struct slipway_action_host *host, uint64_t length);

    /*
     * Parameter `index` of the table: its text as the profile wrote it after
     * expansion, or the default; NULL when absent.  `param_number` gives
     * NUMBER, SIZE (bytes) and BOOL (0 or 1) and SLIPWAY_EINVAL when absent.
     */
    const char *(*param_text)(const struct slipway_action_host *host,
                              uint64_t index);
    int (*param_number)(const struct slipway_action_host *host, uint64_t index,
                        uint64_t *ret_value);

    /* All disks of the machine; the array lives as long as the step. */
    int (*disks)(const struct slipway_action_host *host,
                 const struct slipway_disk **ret_disks, uint64_t *ret_count);

    /*
     * The one disk that DISK parameter `index` selects, or a failure whose
     * sentence names what was looked for and what there is.
     */
    int (*disk_select)(const struct slipway_action_host *host, uint64_t index,
                       const struct slipway_disk **ret_disk);

    /*
     * prepare only: this step will write `length` bytes (0 = to the end) at
     * `offset` of the disk.  What was not declared is refused in run.
     */
    int (*declare_write)(const struct slipway_action_host *host,
                         uint64_t disk_id, uint64_t offset, uint64_t length);

    /*
     * run, verify: a descriptor of the disk, for reading, or for writing when
     * declared.  The caller closes it.
     */
    int (*disk_open)(const struct slipway_action_host *host, uint64_t disk_id,
                     uint64_t writable, int *ret_fd);

    /* prepare, run: facts of IMAGE or BLOB parameter `index` as JSON text:
     * name, revision, size_bytes, sector_bytes, and the manifest's summary. */
    int (*image_facts)(const struct slipway_action_host *host, uint64_t index,
                       const char **ret_json);

    /* run: makes the disk match the image, through the engine's pipeline. */
    int (*image_write)(const struct slipway_action_host *host, uint64_t index,
                       uint64_t disk_id);

    /* run, verify: reads the disk back and compares it with the index; ranges
     * that personalise changed are left out. */
    int (*image_verify)(const struct slipway_action_host *host, uint64_t index,
                        uint64_t disk_id);

    /*
     * run: writes files into a file system of the image, after every chunk has
     * been verified: all of them, or none when one `needs` what is not there.
     * The changed ranges of the disk go into the step's result.
     */
    int (*personalise)(const struct slipway_action_host *host, uint64_t index,
                       uint64_t disk_id, const struct slipway_file *files,
                       uint64_t count);

    /*
     * run: the whole content of BLOB parameter `index`, verified, as a sealed
     * read-only descriptor positioned at its start.  The caller closes it.
     */
    int (*blob_open)(const struct slipway_action_host *host, uint64_t index,
                     int *ret_fd, uint64_t *ret_length);

    /* Runs a program without a shell, with a time limit. */
    int (*command_run)(const struct slipway_action_host *host,
                       struct slipway_command *command);

    /* The machine's facts (the engine's inventory) as JSON text. */
    int (*facts)(const struct slipway_action_host *host, const char **ret_json);

    /* The step's result: one JSON object of at most SLIPWAY_RESULT_BYTES; the
     * last call wins. */
    int (*result)(const struct slipway_action_host *host, const char *json);

    /*
     * Since level 2.  The last partition of the image extended to the end of
     * the disk, and its file system with it.  prepare: whether that can be done
     * with this image; changes nothing.  run: does it, after every chunk has
     * been verified, when the whole disk was declared; the changed ranges go
     * into the step's result.  A partition that ends there already stays as it
     * is.
     */
    int (*disk_grow)(const struct slipway_action_host *host, uint64_t index,
                     uint64_t disk_id);

    void *reserved; /* NULL; keeps the pointers in pairs */
};

SLIPWAY_NO_PADDING(slipway_action_host, 16 + 24 * sizeof(void *));

/* The longest result of a step, as text. */
#define SLIPWAY_RESULT_BYTES 122880u

/* host->flags: nothing may be changed; run reports what it would do. */
#define SLIPWAY_ACTION_DRY_RUN 1u

/* Descriptor flags. */
#define SLIPWAY_ACTION_DESTRUCTIVE 1u /* writes disks: a profile must say so */

struct slipway_action_plugin {
    SLIPWAY_PLUGIN_HEAD;
    uint64_t flags; /* SLIPWAY_ACTION_DESTRUCTIVE or 0 */
    /* Longest time for the whole step unless the profile says otherwise;
     * 0 = one hour. */
    uint64_t timeout_ms;
    /* 0 = go on; SLIPWAY_ENOTAPPLICABLE = skip the step; default: go on. */
    int (*probe)(const struct slipway_action_host *host);
    /* Default: nothing will be written. */
    int (*prepare)(const struct slipway_action_host *host);
    /* Required. */
    int (*run)(const struct slipway_action_host *host);
    /* Default: held. */
    int (*verify)(const struct slipway_action_host *host);
};

SLIPWAY_NO_PADDING(slipway_action_plugin, 48 + 8 * sizeof(void *));

/* Defines the descriptor; members may be given in any order. */
#define SLIPWAY_ACTION_PLUGIN(...)                                             \
    extern SLIPWAY_EXPORT const struct slipway_action_plugin                   \
        SLIPWAY_PLUGIN_SYMBOL;                                                 \
    const struct slipway_action_plugin SLIPWAY_PLUGIN_SYMBOL = {               \
        .size = sizeof(struct slipway_action_plugin),                          \
        .major = SLIPWAY_ABI_MAJOR,                                            \
        .level = SLIPWAY_ABI_LEVEL,                                            \
        .kind = SLIPWAY_KIND_ACTION,                                           \
        __VA_ARGS__                                                            \
    }

#ifdef __cplusplus
}
#endif

#endif
