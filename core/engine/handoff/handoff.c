/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/handoff/handoff.h"

#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>

#include "core/engine/handoff/handoff-efi.h"
#include "core/engine/handoff/handoff-kexec.h"
#include "core/util/log.h"

/* Of a command line in a note: its beginning says enough. */
#define LINE_SHOWN 160

static const char *const words[] = {
    [HANDOFF_FIRMWARE] = "firmware", [HANDOFF_KEXEC] = "kexec",
    [HANDOFF_REBOOT] = "reboot",     [HANDOFF_POWEROFF] = "poweroff",
    [HANDOFF_STAY] = "stay",
};

struct handoff_preparing {
    struct handoff handoff;
    handoff_prepared *done;
    void *arg;
    struct handoff_kexec *kexec;
    struct loop_timer *next; /* tells `done` */
    struct handoff_way way;
};

int handoff_parse(const char *word, enum handoff_method *ret_method,
                  struct err *err)
{
    if (strcmp(word, "boot-disk") == 0)
        word = words[HANDOFF_FIRMWARE];
    for (size_t i = 0; i < ARRAY_LENGTH(words); i++)
        if (strcmp(word, words[i]) == 0) {
            *ret_method = (enum handoff_method)i;
            return 0;
        }
    return err_set(err, ERR_UNSUPPORTED,
                   "this engine cannot end with '%s'; it knows boot-disk, "
                   "firmware, kexec, reboot, poweroff and stay",
                   word);
}

const char *handoff_word(enum handoff_method method)
{
    return words[method];
}

static bool is_file(const struct handoff *handoff)
{
    return strncmp(handoff->disk_node, "/dev/", 5) != 0;
}

/* The way through the firmware; `before` says why it is not another one. */
static void by_firmware(struct handoff_preparing *p, const char *before)
{
    char note[HANDOFF_EFI_NOTE_BYTES] = "";
    struct err err = ERR_INIT;

    p->way.method = HANDOFF_FIRMWARE;
    if (is_file(&p->handoff))
        (void)snprintf(note, sizeof(note), "%s",
                       p->handoff.disk_node[0]
                           ? "the disk is a plain file: nothing to boot"
                           : "no disk was installed: the machine resets and "
                             "boots from its disk if it has one");
    else if (handoff_efi(&p->handoff, note, &err) < 0)
        (void)snprintf(note, sizeof(note), "%.250s", err.text);
    (void)snprintf(p->way.note, sizeof(p->way.note), "%s%s", before, note);
}

/* ---- kexec -------------------------------------------------------------- */

static void not_by_kexec(struct handoff_preparing *p, const char *why)
{
    char before[HANDOFF_NOTE_BYTES - HANDOFF_EFI_NOTE_BYTES];
    bool demanded = p->handoff.method == HANDOFF_KEXEC;

    (void)snprintf(
        before, sizeof(before),
        "not by kexec because %.180s; by the firmware instead: ", why);
    by_firmware(p, before);
    p->way.failed = demanded;
}

static void on_kexec(void *arg, const char *kernel, const char *line,
                     const struct err *err)
{
    struct handoff_preparing *p = arg;

    if (err) {
        not_by_kexec(p, err->text);
    } else {
        p->way.method = HANDOFF_KEXEC;
        (void)snprintf(p->way.note, sizeof(p->way.note),
                       "kexec of Linux %s%swith %.*s%s", kernel,
                       kernel[0] ? " " : "", LINE_SHOWN, line,
                       strlen(line) > LINE_SHOWN ? "..." : "");
    }
    p->done(p->arg, &p->way);
}

static void start_kexec(struct loop *loop, struct handoff_preparing *p)
{
    struct err err = ERR_INIT;

    if (is_file(&p->handoff)) {
        not_by_kexec(p, p->handoff.disk_node[0] ? "the disk is a plain file"
                                                : "no disk was installed");
        return;
    }
    p->kexec =
        handoff_kexec_start(loop, p->handoff.disk_node, on_kexec, p, &err);
    if (!p->kexec)
        not_by_kexec(p, err.text);
}

/* ---- the way ------------------------------------------------------------ */

static void tell(void *arg)
{
    struct handoff_preparing *p = arg;

    p->next = NULL;
    p->done(p->arg, &p->way);
}

static const char *plain_note(enum handoff_method method)
{
    return method == HANDOFF_REBOOT
               ? "the machine resets and boots what its firmware chooses"
           : method == HANDOFF_POWEROFF
               ? "the machine powers off"
               : "the machine stays in the deployment engine";
}

struct handoff_preparing *handoff_prepare(struct loop *loop,
                                          const struct handoff *handoff,
                                          handoff_prepared *done, void *arg,
                                          struct err *err)
{
    struct handoff_preparing *p = calloc(1, sizeof(*p));

    if (!p) {
        (void)err_set(err, ERR_NO_MEMORY, "out of memory");
        return NULL;
    }
    p->handoff = *handoff;
    p->done = done;
    p->arg = arg;
    p->way.method = handoff->method;
    if (handoff->method == HANDOFF_KEXEC ||
        (handoff->method == HANDOFF_FIRMWARE && handoff->try_kexec))
        start_kexec(loop, p);
    else if (handoff->method == HANDOFF_FIRMWARE)
        by_firmware(p, "");
    else
        (void)snprintf(p->way.note, sizeof(p->way.note), "%s",
                       plain_note(handoff->method));
    if (p->kexec)
        return p;
    p->next = loop_timer(loop, 0, tell, p);
    if (!p->next) {
        (void)err_set(err, ERR_NO_MEMORY, "out of memory");
        handoff_preparing_free(p);
        return NULL;
    }
    return p;
}

void handoff_preparing_free(struct handoff_preparing *preparing)
{
    if (!preparing)
        return;
    handoff_kexec_free(preparing->kexec);
    loop_timer_cancel(preparing->next);
    free(preparing);
}

int handoff_go(enum handoff_method method, struct err *err)
{
    struct err why = ERR_INIT;

    if (method == HANDOFF_STAY)
        return 0;
    if (getpid() != 1)
        return err_set(err, ERR_DENIED,
                       "only the engine of a booted machine may reset it");
    sync();
    if (method == HANDOFF_KEXEC && handoff_kexec_go(&why) < 0)
        log_warn("%s; the machine resets", why.text);
    (void)reboot(method == HANDOFF_POWEROFF ? RB_POWER_OFF : RB_AUTOBOOT);
    return err_set_errno(err, ERR_IO, errno, "the kernel refused to %s",
                         method == HANDOFF_POWEROFF ? "power off" : "reset");
}
