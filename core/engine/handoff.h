/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leaving: the way back from the engine to what the machine boots next.  First
 * `handoff_prepare`, whose note goes into the final report, then the report,
 * then `handoff_go`.
 */
#ifndef CORE_ENGINE_HANDOFF_H
#define CORE_ENGINE_HANDOFF_H

#include <stdbool.h>

#include "core/util/err.h"

enum handoff_method {
    HANDOFF_FIRMWARE, /* the installed disk, through the firmware */
    HANDOFF_REBOOT,   /* whatever the firmware boots */
    HANDOFF_POWEROFF,
    HANDOFF_STAY, /* keep the console; somebody wants to look */
};

#define HANDOFF_NOTE_BYTES 256

struct handoff {
    enum handoff_method method;
    char disk_node[256]; /* "/dev/vda"; "" = none was installed */
    char host_name[128]; /* for the boot entry 'Slipway: NAME' */
};

/* "firmware", "reboot", "poweroff", "stay"; "boot-disk" means firmware. */
int handoff_parse(const char *word, enum handoff_method *ret_method,
                  struct err *err);
const char *handoff_word(enum handoff_method method);

/*
 * For HANDOFF_FIRMWARE: finds the EFI system partition of the disk, makes or
 * reuses the one entry 'Slipway: NAME' and sets BootNext to it.  Always leaves
 * a sentence in `ret_note` that says what will happen; a machine without
 * writable variables is no failure, the server's local-boot answer takes over.
 * Blocks for the firmware's variable store; plain files as disks do nothing.
 */
int handoff_prepare(const struct handoff *handoff,
                    char ret_note[HANDOFF_NOTE_BYTES], struct err *err);

/* Writes everything to the disks and leaves.  PID 1 only.  Returns only for
 * HANDOFF_STAY or when the kernel refused. */
int handoff_go(enum handoff_method method, struct err *err);

#endif
