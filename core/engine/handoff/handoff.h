/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leaving: the way back from the engine to what the machine boots next.  First
 * the way is prepared and known, then it is reported, then `handoff_go`.
 *
 *   then       asks for                          becomes
 *   boot-disk  kexec if allowed, else firmware   kexec | firmware
 *   kexec      kexec, nothing else               kexec, or a failure
 *   others     themselves                        themselves
 */
#ifndef CORE_ENGINE_HANDOFF_HANDOFF_H
#define CORE_ENGINE_HANDOFF_HANDOFF_H

#include <stdbool.h>

#include "core/util/loop.h"

enum handoff_method {
    HANDOFF_FIRMWARE, /* the installed disk, through the firmware */
    HANDOFF_KEXEC,    /* the installed disk's own kernel, at once */
    HANDOFF_REBOOT,   /* whatever the firmware boots */
    HANDOFF_POWEROFF,
    HANDOFF_STAY, /* keep the console; somebody wants to look */
};

#define HANDOFF_NOTE_BYTES 512

struct handoff {
    enum handoff_method method;
    bool try_kexec;      /* HANDOFF_FIRMWARE: kexec when it is proven */
    char disk_node[256]; /* "/dev/vda"; "" = none was installed */
    char host_name[128]; /* for the boot entry 'Slipway: NAME' */
};

/* What will happen, and why. */
struct handoff_way {
    enum handoff_method method;
    char note[HANDOFF_NOTE_BYTES]; /* a sentence for console and report */
    bool failed; /* kexec was demanded and is impossible: `note` says why */
};

/* "boot-disk" (which means firmware), "firmware", "kexec", "reboot",
 * "poweroff", "stay". */
int handoff_parse(const char *word, enum handoff_method *ret_method,
                  struct err *err);
const char *handoff_word(enum handoff_method method);

typedef void handoff_prepared(void *arg, const struct handoff_way *way);
struct handoff_preparing;

/*
 * Finds and prepares the way.  Kexec: the installed kernel is loaded.
 * Firmware: the one entry 'Slipway: NAME' is made or reused and BootNext set
 * to it; a machine without writable variables is no failure, the server's
 * local-boot answer takes over.  Plain files as disks do nothing.  `done`
 * comes once, never inside this call; free from there or later.
 */
struct handoff_preparing *handoff_prepare(struct loop *loop,
                                          const struct handoff *handoff,
                                          handoff_prepared *done, void *arg,
                                          struct err *err);
/* `done` is not called any more. */
void handoff_preparing_free(struct handoff_preparing *preparing);

/* Writes everything to the disks and leaves.  PID 1 only.  A kernel that
 * cannot be jumped into becomes a reset.  Returns only for HANDOFF_STAY or
 * when the kernel refused. */
int handoff_go(enum handoff_method method, struct err *err);

#endif
