/* SPDX-License-Identifier: Apache-2.0 */
#include "core/server/workers/worker-main.h"

#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "core/server/images/care-worker.h"
#include "core/server/images/export-worker.h"
#include "core/server/http/front-door.h"
#include "core/server/images/import-worker.h"
#include "core/server/workers/transport-worker.h"
#include "core/server/workers/worker-child.h"
#include "core/util/log.h"

static const struct {
    const char *kind;
    int (*run)(void);
} kinds[] = {
    {"care", care_worker_main},
    {"export", export_worker_main},
    {"http", front_door_main},
    {"import", import_worker_main},
    {"transport", transport_worker_main},
};

int worker_main(int argc, char **argv)
{
    char name[16]; /* what ps and top show */

    worker_log_open();
    (void)snprintf(name, sizeof(name), "slipwayd-%.6s",
                   argc >= 1 ? argv[0] : "");
    (void)prctl(PR_SET_NAME, name, 0, 0, 0); /* only for people */
    for (size_t i = 0; argc >= 1 && i < ARRAY_LENGTH(kinds); i++) {
        if (strcmp(argv[0], kinds[i].kind) == 0)
            return kinds[i].run();
    }
    log_error("there is no worker of that kind; slipwayd starts its workers "
              "itself");
    return 1;
}
