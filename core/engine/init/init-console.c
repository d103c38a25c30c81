/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/init/init-console.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int consoles[INIT_CONSOLES_MAX];
static size_t console_count;

static void open_one(const char *name)
{
    char path[64];
    if (!*name || console_count == INIT_CONSOLES_MAX)
        return;
    (void)snprintf(path, sizeof(path), "/dev/%.32s", name);
    int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (fd >= 0)
        consoles[console_count++] = fd;
}

void init_console_open(void)
{
    char names[256] = "";
    AUTO_CLOSE int fd =
        open("/sys/class/tty/console/active", O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, names, sizeof(names) - 1) : -1;
    names[got > 0 ? got : 0] = '\0';
    char *rest = names;
    for (char *name; (name = strsep(&rest, " \n"));)
        open_one(name);
    if (console_count == 0)
        open_one("console");
    if (console_count == 0)
        open_one("null");
    for (int i = 0; console_count && i <= STDERR_FILENO; i++)
        (void)dup2(consoles[console_count - 1], i);
}

const int *init_console_fds(size_t *ret_count)
{
    *ret_count = console_count;
    return consoles;
}

void init_say(const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof(line) - 2, format, arguments);
    va_end(arguments);
    if (length < 0)
        return;
    size_t used = MIN((size_t)length, sizeof(line) - 3);
    line[used++] = '\r';
    line[used++] = '\n';
    for (size_t i = 0; i < console_count; i++)
        (void)!write(consoles[i], line, used); /* nobody to tell */
}
