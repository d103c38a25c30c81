/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the person in front of the machine sees: who this is, what is being
 * done, the code to read to an administrator, and in plain words what went
 * wrong and what to do.  Plain lines, so that a serial line shows the same; a
 * progress bar rewrites its own line with a carriage return only.
 */
#ifndef CORE_ENGINE_CONSOLE_H
#define CORE_ENGINE_CONSOLE_H

#include <stdbool.h>

#include "core/util/loop.h"
#include "core/util/macros.h"

struct console;

struct console_who {
    const char *name;    /* of the host, "" until the server has said it */
    const char *product; /* "Dell PowerEdge R640" or "" */
    const char *mac;
    const char *address; /* of this machine, or "" */
    const char *server;  /* "10.0.0.1:7443" or "" */
};

/* `fds` are kept and not closed; every one gets the same text. */
struct console *console_new(struct loop *loop, const int *fds, size_t count,
                            struct err *err);
void console_free(struct console *console);

/* Shown again only when something in it has changed. */
void console_who(struct console *console, const struct console_who *who);
/* One finished line of what happens. */
void console_say(struct console *console, const char *format, ...) PRINTF(2, 3);
/* What went wrong and, in `remedy` (may be NULL), what to do about it. */
void console_trouble(struct console *console, const char *what,
                     const char *remedy);
/* The code that an administrator has to approve; `host` "" = it is not
 * registered, and gets its name with the approval. */
void console_code(struct console *console, const char *host, const char *code);
/*
 * The progress bar of a step; at most four times a second, but always at
 * 1000 permille.  `bytes_total` 0 = no bytes are shown.
 */
void console_progress(struct console *console, const char *step,
                      unsigned permille, const char *text, uint64_t bytes_done,
                      uint64_t bytes_total);

#endif
