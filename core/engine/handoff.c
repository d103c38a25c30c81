/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/handoff.h"

#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>

#include "core/engine/handoff-efi.h"

static const char *const words[] = {
    [HANDOFF_FIRMWARE] = "firmware",
    [HANDOFF_REBOOT] = "reboot",
    [HANDOFF_POWEROFF] = "poweroff",
    [HANDOFF_STAY] = "stay",
};

int handoff_parse(const char *word, enum handoff_method *ret_method,
                  struct err *err)
{
    /* The profile's "boot-disk" is the firmware's work until the engine can
     * start an installed kernel itself. */
    if (!strcmp(word, "boot-disk"))
        word = words[HANDOFF_FIRMWARE];
    for (size_t i = 0; i < ARRAY_LENGTH(words); i++)
        if (!strcmp(word, words[i])) {
            *ret_method = (enum handoff_method)i;
            return 0;
        }
    return err_set(err, ERR_UNSUPPORTED,
                   "this engine cannot end with '%s'; it knows boot-disk, "
                   "firmware, reboot, poweroff and stay",
                   word);
}

const char *handoff_word(enum handoff_method method)
{
    return words[method];
}

static void note(char ret_note[HANDOFF_NOTE_BYTES], const char *text)
{
    (void)snprintf(ret_note, HANDOFF_NOTE_BYTES, "%s", text);
}

int handoff_prepare(const struct handoff *handoff,
                    char ret_note[HANDOFF_NOTE_BYTES], struct err *err)
{
    switch (handoff->method) {
    case HANDOFF_REBOOT:
        note(ret_note, "the machine resets and boots what its firmware "
                       "chooses");
        return 0;
    case HANDOFF_POWEROFF:
        note(ret_note, "the machine powers off");
        return 0;
    case HANDOFF_STAY:
        note(ret_note, "the machine stays in the deployment engine");
        return 0;
    case HANDOFF_FIRMWARE:
        break;
    }
    if (strncmp(handoff->disk_node, "/dev/", 5)) {
        note(ret_note, handoff->disk_node[0]
                           ? "the disk is a plain file: nothing to boot"
                           : "no disk was installed: the machine resets and "
                             "boots from its disk if it has one");
        return 0;
    }
    return handoff_efi(handoff, ret_note, err);
}

int handoff_go(enum handoff_method method, struct err *err)
{
    if (method == HANDOFF_STAY)
        return 0;
    if (getpid() != 1)
        return err_set(err, ERR_DENIED,
                       "only the engine of a booted machine may reset it");
    sync();
    (void)reboot(method == HANDOFF_POWEROFF ? RB_POWER_OFF : RB_AUTOBOOT);
    return err_set_errno(err, ERR_IO, errno, "the kernel refused to %s",
                         method == HANDOFF_POWEROFF ? "power off" : "reset");
}
