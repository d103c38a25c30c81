/* SPDX-License-Identifier: Apache-2.0 */
/* slipwayd: the server.  Verbs, options and exit statuses. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include <config.h>
#include "core/server/config.h"
#include "core/server/offline.h"
#include "core/server/rest/openapi.h"
#include "core/server/serve.h"
#include "core/server/workers/worker-main.h"
#include "core/util/log.h"
#include "core/util/secret-memory.h"

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct verb {
    const char *name;
    const char *help;
    int (*run)(const struct config *config, struct err *err);
    const char *done; /* printed afterwards, %s = the state folder */
};

static int check_config(const struct config *config, struct err *err)
{
    (void)config;
    (void)err;
    return 0; /* it was read */
}

static const struct verb verbs[] = {
    {"run", "serve in the foreground", serve_run, NULL},
    {"init", "make a site: keys, secrets, first token", offline_init,
     "A site was made in '%s'. The first token is in its file 'admin-token'."},
    {"upgrade-plugins", "enable the plugins of an upgraded Slipway again",
     offline_upgrade_plugins, NULL},
    {"check-config", "only read the configuration", check_config,
     "The configuration is in order; the state folder is '%s'."},
};

/* The interface's description, for programs and documentation; no site is
 * needed for it. */
static int print_openapi(void)
{
    struct err err = ERR_INIT;
    if (openapi_print(&err) == 0)
        return EXIT_OK;
    log_error("%s", err.text);
    return EXIT_FAILED;
}

static void usage(FILE *out)
{
    (void)fprintf(out, "usage: slipwayd VERB [--config FILE]\n\n");
    for (size_t i = 0; i < ARRAY_LENGTH(verbs); i++)
        (void)fprintf(out, "  %-16s %s\n", verbs[i].name, verbs[i].help);
    (void)fprintf(out,
                  "  openapi          print the REST interface as OpenAPI 3.1\n"
                  "\n  --config FILE    default: %s\n"
                  "  --version        print the version\n",
                  CONFIG_DEFAULT_PATH);
}

static int version(void)
{
#ifdef SLIPWAY_SANITIZED
    (void)printf("slipwayd %s (built with sanitizers)\n", PACKAGE_VERSION);
#else
    (void)printf("slipwayd %s\n", PACKAGE_VERSION);
#endif
    return EXIT_OK;
}

static const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; i < ARRAY_LENGTH(verbs); i++)
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    return NULL;
}

/* NULL after a complaint. */
static const char *config_option(int argc, char **argv)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'}, {NULL, 0, NULL, 0}};
    const char *path = CONFIG_DEFAULT_PATH;
    int option;
    while ((option = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
        if (option != 'c')
            return NULL;
        path = optarg;
    }
    if (optind == argc)
        return path;
    (void)fprintf(stderr, "slipwayd: '%s' is one word too many\n",
                  argv[optind]);
    return NULL;
}

static int run_verb(const struct verb *verb, const char *path)
{
    struct config *config = NULL;
    struct err err = ERR_INIT;
    int code = config_load(path, &config, &err);
    if (code == 0) {
        log_open("slipwayd", config->log_level, config->log_format);
        code = verb->run(config, &err);
    }
    if (code != 0) {
        log_error("%s", err.text);
        config_free(config);
        return EXIT_FAILED;
    }
    if (verb->done) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        (void)printf(verb->done, config->state_dir);
#pragma GCC diagnostic pop
        (void)printf("\n");
    }
    config_free(config);
    return EXIT_OK;
}

int main(int argc, char **argv)
{
    log_open("slipwayd", LOG_INFO, LOG_FORMAT_TEXT);
    secret_memory_wipe_json();
    if (argc >= 2 && strcmp(argv[1], "worker") == 0)
        return worker_main(argc - 2, argv + 2);
    if (argc >= 2 && strcmp(argv[1], "--version") == 0)
        return version();
    if (argc == 2 && strcmp(argv[1], "openapi") == 0)
        return print_openapi();
    if (argc >= 2 && strcmp(argv[1], "--help") == 0) {
        usage(stdout);
        return EXIT_OK;
    }
    const struct verb *verb = argc >= 2 ? find_verb(argv[1]) : NULL;
    const char *path = verb ? config_option(argc - 1, argv + 1) : NULL;
    if (!path) {
        usage(stderr);
        return EXIT_USAGE;
    }
    return run_verb(verb, path);
}
