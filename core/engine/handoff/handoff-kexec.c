/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/handoff/handoff-kexec.h"

#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/socket.h>

#include "core/util/child.h"
#include "core/util/file.h"
#include "core/util/json.h"

/* A slow disk with a large initrd; beyond that the firmware is faster. */
#define KEXEC_TIMEOUT_MS 60000
#define REPLY_MAX_BYTES 16384

struct handoff_kexec {
    struct child *child;
    int reply_fd;
    handoff_kexec_done *done;
    void *arg;
};

static int read_reply(int fd, json_t **ret, struct err *err)
{
    char text[REPLY_MAX_BYTES];
    ssize_t got = pread(fd, text, sizeof(text), 0);

    *ret = got > 0 ? json_parse(text, (size_t)got, sizeof(text), NULL) : NULL;
    return *ret ? 0
                : err_set(err, ERR_INTERNAL,
                          "the process that loads the installed kernel ended "
                          "without an answer");
}

static void on_ended(void *arg, int status, bool timed_out)
{
    struct handoff_kexec *kexec = arg;
    AUTO_JSON *reply = NULL;
    struct err err = ERR_INIT;
    const char *error = NULL;

    if (timed_out)
        (void)err_set(&err, ERR_TIMEOUT,
                      "the installed kernel could not be read within %d s",
                      KEXEC_TIMEOUT_MS / 1000);
    else if (read_reply(kexec->reply_fd, &reply, &err) == 0)
        error = json_string_value(json_object_get(reply, "error"));
    if (error || (status != 0 && !err.code))
        (void)err_set(&err, ERR_UNSUPPORTED, "%s",
                      error ? error
                            : "the process that loads the installed kernel "
                              "failed");
    const char *kernel = json_string_value(json_object_get(reply, "kernel"));
    const char *line = json_string_value(json_object_get(reply, "line"));
    kexec->done(kexec->arg, kernel ? kernel : "", line ? line : "",
                err.code ? &err : NULL); /* may free kexec */
}

struct handoff_kexec *handoff_kexec_start(struct loop *loop,
                                          const char *disk_node,
                                          handoff_kexec_done *done, void *arg,
                                          struct err *err)
{
    const char *const argv[] = {"/proc/self/exe", "kexec", disk_node, NULL};
    struct handoff_kexec *kexec = calloc(1, sizeof(*kexec));

    if (!kexec) {
        (void)err_set(err, ERR_NO_MEMORY, "out of memory");
        return NULL;
    }
    kexec->done = done;
    kexec->arg = arg;
    kexec->reply_fd = memfd_create("kexec", MFD_CLOEXEC);
    const struct child_spec spec = {
        .argv = argv,
        .stdin_fd = -1,
        .stdout_fd = kexec->reply_fd,
        .stderr_fd = -1,
        .timeout_ms = KEXEC_TIMEOUT_MS,
        .own_group = true,
    };
    if (kexec->reply_fd < 0)
        (void)err_set_errno(err, ERR_NO_MEMORY, errno, "no memory");
    else
        kexec->child = child_start(loop, &spec, on_ended, kexec, err);
    if (!kexec->child) {
        handoff_kexec_free(kexec);
        return NULL;
    }
    return kexec;
}

void handoff_kexec_free(struct handoff_kexec *kexec)
{
    if (!kexec)
        return;
    child_free(kexec->child);
    if (kexec->reply_fd >= 0)
        (void)close(kexec->reply_fd);
    free(kexec);
}

/* A card that still writes received frames into memory would write them into
 * the next kernel.  Drivers stop at shutdown too, but not all of them. */
static void ports_down(void)
{
    AUTO_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct if_nameindex *ports = if_nameindex();

    for (const struct if_nameindex *p = ports; fd >= 0 && p && p->if_name;
         p++) {
        struct ifreq request = {0};
        (void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s",
                       p->if_name);
        if (ioctl(fd, SIOCGIFFLAGS, &request) != 0)
            continue;
        request.ifr_flags = (short)(request.ifr_flags & ~IFF_UP);
        (void)ioctl(fd, SIOCSIFFLAGS, &request); /* the jump comes anyway */
    }
    if_freenameindex(ports);
}

int handoff_kexec_go(struct err *err)
{
    ports_down();
    (void)reboot(RB_KEXEC);
    return err_set_errno(err, ERR_IO, errno,
                         "the kernel refused to start the installed one");
}
