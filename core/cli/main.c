/* SPDX-License-Identifier: Apache-2.0 */
/* `slipway`, the command line: see cli.h and slipway(1). */
#include <string.h>

#include <config.h>

#include <curl/curl.h>

#include "core/cli/arguments.h"
#include "core/cli/complete.h"
#include "core/cli/rest.h"
#include "core/cli/settings.h"
#include "core/util/log.h"

const struct option_spec global_options[] = {
    {"server", "ADDRESS[:PORT]", "the server; port 7443 when absent"},
    {"token-file", "FILE", "the file with the token"},
    {"ca", "FILE", "the site's CA certificate, site/ca.pem of the server"},
    {"json", NULL, "print JSON instead of tables"},
    {"yes", NULL, "do not ask"},
    {"no-input", NULL, "never ask: what would be asked is an error"},
    {"help", NULL, "what there is, or the options of a verb"},
    {"version", NULL, "print the version"},
    {NULL, NULL, NULL},
};

/* For completion scripts, which hold no lists of their own. */
static int list_verbs(void)
{
    for (size_t i = 0; i < verb_count; i++)
        (void)printf("%s%s%s\n", verbs[i].noun, verbs[i].verb[0] ? " " : "",
                     verbs[i].verb);
    return EXIT_OK;
}

static bool wants_help(int argc, char **argv)
{
    if (argc < 2 || strcmp(argv[1], "help") == 0)
        return true;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0)
            return true;
    }
    return false;
}

/* "slipway help", "slipway help NOUN", "slipway NOUN [VERB] --help". */
static int help(int argc, char **argv)
{
    struct cli probe = {0};
    struct err err = ERR_INIT;
    bool word = argc > 1 && strcmp(argv[1], "help") == 0;

    argc -= word;
    argv += word;
    if (argc > 1) /* arguments may be missing when only help is wanted */
        (void)arguments_take(&probe, argc, argv, &err);
    arguments_help(probe.verb, argc > 1 ? arguments_noun(argc, argv) : NULL,
                   argc > 1 || word ? stdout : stderr);
    return argc > 1 || word ? EXIT_OK : EXIT_USAGE;
}

static int run(struct cli *cli, int argc, char **argv)
{
    struct err err = ERR_INIT;

    if (arguments_parse(cli, argc, argv, &err) != 0)
        return cli_fail(EXIT_USAGE, "%s", err.text);
    cli->json = cli_option(cli, "json") != NULL;
    cli->yes = cli_option(cli, "yes") != NULL;
    cli->no_input = cli_option(cli, "no-input") != NULL;
    cli->terminal = isatty(STDERR_FILENO) == 1;
    if (settings_load(cli, &err) != 0)
        return cli_fail(EXIT_USAGE, "%s", err.text);
    return cli->verb->run(cli);
}

int main(int argc, char **argv)
{
    struct cli cli = {0};
    int code;

    log_open("slipway", LOG_WARN, LOG_FORMAT_TEXT);
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        (void)puts("slipway " PACKAGE_VERSION);
        return EXIT_OK;
    }
    if (argc == 2 && strcmp(argv[1], "--list-verbs") == 0)
        return list_verbs();
    if (argc >= 2 && strcmp(argv[1], "complete") == 0)
        return complete(argc - 1, argv + 1);
    if (wants_help(argc, argv))
        return help(argc, argv);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
        return cli_fail(EXIT_FAILED, "libcurl does not start");
    code = run(&cli, argc, argv);
    cli_done(&cli);
    curl_global_cleanup();
    if (fflush(stdout) != 0 || ferror(stdout))
        return cli_fail(EXIT_FAILED, "the output cannot be written");
    return code;
}
