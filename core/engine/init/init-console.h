/* SPDX-License-Identifier: Apache-2.0 */
/* What start-up says, on every console that the kernel writes to. */
#ifndef CORE_ENGINE_INIT_INIT_CONSOLE_H
#define CORE_ENGINE_INIT_INIT_CONSOLE_H

#include "core/util/macros.h"

#define INIT_CONSOLES_MAX 8

/* Opens the consoles of /sys/class/tty/console/active, and makes the last of
 * them standard input, output and error.  /dev and /sys are mounted. */
void init_console_open(void);
/* Their descriptors, for the session's console; valid for ever. */
const int *init_console_fds(size_t *ret_count);
/* One line. */
void init_say(const char *format, ...) PRINTF(1, 2);

#endif
