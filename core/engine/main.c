/* SPDX-License-Identifier: Apache-2.0 */
/* slipway-engine: which of its processes this one is. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "core/engine/actions/action-process.h"
#include "core/engine/change/change.h"
#include "core/engine/engine.h"
#include "core/engine/handoff/kexec-process.h"
#include "core/engine/init/modules.h"
#include "core/engine/pipeline/pipeline-process.h"
#include "core/engine/run.h"
#include "core/util/log.h"
#include "core/util/secret-memory.h"

static const char usage[] =
    "usage: slipway-engine run --trust FILE [OPTION...]\n"
    "       slipway-engine --version\n"
    "As the first process of a machine it needs no arguments.  'pipeline',\n"
    "'change', 'action NAME' and 'kexec DISK' are started by it.\n";

static void print_version(void)
{
#ifdef SLIPWAY_SANITIZED
    (void)puts("slipway-engine " PACKAGE_VERSION " (sanitizers)");
#else
    (void)puts("slipway-engine " PACKAGE_VERSION);
#endif
}

int main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "";
    const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;

    log_open("slipway-engine", LOG_INFO, LOG_FORMAT_TEXT);
    secret_memory_wipe_json();
    (void)signal(SIGPIPE, SIG_IGN); /* lost peers are seen where they matter */
    if (slash && strcmp(slash + 1, "modprobe") == 0)
        return modules_main(argc, argv);
    if (getpid() == 1 && strcmp(word, "run") != 0)
        init_run(engine_session);
    if (strcmp(word, "run") == 0)
        return run_main(argc - 1, argv + 1);
    if (strcmp(word, "pipeline") == 0 && argc == 2)
        return pipeline_process_main();
    if (strcmp(word, "action") == 0 && argc == 3)
        return action_process_main(argv[2]);
    if (strcmp(word, "kexec") == 0 && argc == 3)
        return kexec_process_main(argv[2]);
    if (strcmp(word, "change") == 0 && argc == 2)
        return change_main();
    if (strcmp(word, "--version") == 0) {
        print_version();
        return 0;
    }
    (void)fputs(usage, stderr);
    return strcmp(word, "--help") == 0 ? 0 : 2;
}
