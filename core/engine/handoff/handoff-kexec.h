/* SPDX-License-Identifier: Apache-2.0 */
/* Loading the installed disk's own kernel, seen from PID 1: a process does it
 * (kexec-process.h), the kernel keeps it until handoff_go jumps. */
#ifndef CORE_ENGINE_HANDOFF_HANDOFF_KEXEC_H
#define CORE_ENGINE_HANDOFF_HANDOFF_KEXEC_H

#include "core/util/loop.h"

struct handoff_kexec;

/* `err` NULL: it is loaded, and `kernel` ("6.1.0-56-amd64", or "" when it does
 * not say) and its command line say what. */
typedef void handoff_kexec_done(void *arg, const char *kernel, const char *line,
                                const struct err *err);

/* `done` comes once, never inside this call; free from there or later. */
struct handoff_kexec *handoff_kexec_start(struct loop *loop,
                                          const char *disk_node,
                                          handoff_kexec_done *done, void *arg,
                                          struct err *err);
/* Ends the process when it still runs; `done` is not called any more. */
void handoff_kexec_free(struct handoff_kexec *kexec);

/*
 * Takes the network ports down and jumps.  The kernel quiets the devices.
 * Returns only when the kernel refused.
 */
int handoff_kexec_go(struct err *err);

#endif
