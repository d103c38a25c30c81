/* SPDX-License-Identifier: Apache-2.0 */
/* `slipwayd run`: makes the parts of the server, runs them, takes them apart. */
#ifndef CORE_SERVER_SERVE_H
#define CORE_SERVER_SERVE_H

#include "core/server/config.h"

/*
 * Runs until SIGTERM or SIGINT.  When everything is served it prints one line
 *   ready tls=PORT http=PORT dhcp=PORT pxe=PORT tftp=PORT
 * on standard output (a port that is not served is 0) and tells systemd.
 */
int serve_run(const struct config *config, struct err *err);

#endif
