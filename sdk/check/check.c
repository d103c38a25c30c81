/* SPDX-License-Identifier: Apache-2.0 */
/* slipway-plugin-check: whether a plugin's file keeps the rules of the SDK. */
#include "sdk/check/check.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "config.h"

#include "core/util/file.h"
#include "core/util/json.h"
#include "core/util/num.h"

#define LIMIT_S 20

static const struct {
    unsigned finding;
    const char *what;
} elf_rules[] = {
    {FINDING_EXPORTS, "exports its descriptor only"},
    {FINDING_UNDEFINED, "uses no symbols that nobody has"},
    {FINDING_TEXTREL, "has no relocations in its code"},
    {FINDING_EXECSTACK, "asks for no executable stack"},
    {FINDING_NO_RELRO, "has its relocations made read-only"},
    {FINDING_CONSTRUCTOR, "runs nothing when it is loaded"},
    {FINDING_NEEDED, "needs published libraries only"},
    {FINDING_RPATH, "looks for libraries in no place of its own"},
    {FINDING_GLIBC, "asks for a C library that targets have"},
};

static int usage(FILE *where, int status)
{
    fputs("usage: slipway-plugin-check [--no-run] [--limit SECONDS]\n"
          "                            [--params NAME=VALUE ...] FILE\n"
          "Looks whether the plugin FILE keeps the rules of slipway-plugin(7) "
          "and prints TAP.\n"
          "An action of this machine is also run dry under a mock host, "
          "unless --no-run is given.\n",
          where);
    return status;
}

/* The JSON value of what was given on the command line. */
static json_t *value_of(const struct param *param, const char *text)
{
    switch (param->type) {
    case SLIPWAY_PARAM_NUMBER:
    case SLIPWAY_PARAM_BOOL:
    case SLIPWAY_PARAM_DISK:
    case SLIPWAY_PARAM_JSON:
        return json_parse(text, strlen(text), PARAMS_TEXT_MAX, NULL);
    default:
        return json_string(text);
    }
}

static int add_param(struct check_options *options,
                     const struct plugin_info *info, const char *given)
{
    const char *equals = strchr(given, '=');
    size_t length = equals ? (size_t)(equals - given) : 0;
    for (size_t i = 0; length && i < info->params.count; i++) {
        const struct param *param = &info->params.items[i];
        if (strlen(param->name) != length ||
            strncmp(param->name, given, length))
            continue;
        json_t *value = value_of(param, equals + 1);
        return json_object_set_new(options->params, param->name, value);
    }
    return -1;
}

/* The parameters that were given, against the plugin's table. */
static bool check_params(struct check_options *options,
                         const struct plugin_info *info, char *const *given)
{
    struct param_values *values = NULL;
    struct err err = ERR_INIT;
    for (; *given; given++)
        if (add_param(options, info, *given)) {
            char why[300];
            (void)snprintf(why, sizeof(why),
                           "'%.200s' is not NAME=VALUE of a declared "
                           "parameter",
                           *given);
            report(false, "accepts the given parameters", why);
            return false;
        }
    int code = param_values_check(&info->params, options->params, "--params",
                                  &values, &err);
    param_values_free(values);
    if (code && !json_object_size(options->params)) {
        report_skip("accepts the given parameters", err.text);
        return false;
    }
    report(!code, "accepts the given parameters", err.text);
    return !code;
}

static void check_elf(const struct plugin_info *info)
{
    for (size_t i = 0; i < ARRAY_LENGTH(elf_rules); i++) {
        struct err why = ERR_INIT;
        bool broken = info->findings & elf_rules[i].finding;
        if (broken)
            plugin_info_explain(info, elf_rules[i].finding, &why);
        report(!broken, elf_rules[i].what, why.text);
    }
}

/* The name that the file's name promises: "hello" of "x/hello.so". */
static void name_of(const char *file, char out[PLUGIN_NAME_BYTES])
{
    const char *slash = strrchr(file, '/');
    const char *name = slash ? slash + 1 : file;
    size_t length = strlen(name);
    if (length > 3 && !strcmp(name + length - 3, ".so"))
        length -= 3;
    (void)snprintf(out, PLUGIN_NAME_BYTES, "%.*s", (int)MIN(length, 32), name);
}

static void check_file(struct check_options *options, char *const *given)
{
    AUTO_BUF file = BUF_INIT(PLUGIN_MAX_BYTES);
    AUTO_PLUGIN_INFO info = NULL;
    struct err err = ERR_INIT;
    char name[PLUGIN_NAME_BYTES];
    if (file_read(AT_FDCWD, options->file, &file, &err)) {
        report(false, "can be read", err.text);
        return;
    }
    name_of(options->file, name);
    int code = plugin_describe(file.data, file.length, name, &info, &err);
    report(!code, "describes itself without running", err.text);
    if (code)
        return;
    err = (struct err)ERR_INIT;
    struct plugin_info plain = *info;
    plain.findings = 0; /* those have lines of their own */
    code = plugin_info_check(&plain, &err);
    report(!code, "is built for this plugin ABI", err.text);
    check_elf(info);
    if (code)
        return;
    bool accepted = check_params(options, info, given);
    if (info->kind != SLIPWAY_KIND_ACTION)
        return;
    if (!accepted || !options->run || info->machine != machine_own() ||
        info->findings)
        report_skip("behaves in a dry run",
                    !options->run    ? "--no-run was given"
                    : info->findings ? "it may not be loaded"
                    : !accepted      ? "its parameters are missing"
                                     : "it is for another machine");
    else
        check_behaviour(options, info, file.data, file.length);
}

int main(int argc, char **argv)
{
    static const struct option longs[] = {
        {"params", no_argument, NULL, 'p'},
        {"limit", required_argument, NULL, 'l'},
        {"no-run", no_argument, NULL, 'n'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},
        {NULL, 0, NULL, 0},
    };
    struct check_options options = {.limit_s = LIMIT_S, .run = true};
    uint64_t limit;
    int option;
    while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        switch (option) {
        case 'p':
            break; /* what follows has an equals sign */
        case 'n':
            options.run = false;
            break;
        case 'h':
            return usage(stdout, 0);
        case 'v':
            puts("slipway-plugin-check " PACKAGE_VERSION
#ifdef SLIPWAY_SANITIZED
                 " (built with sanitizers: accepts their runtimes)"
#endif
            );
            return 0;
        case 'l':
            if (num_parse_u64(optarg, 1, 3600, &limit, NULL))
                return usage(stderr, 2);
            options.limit_s = (unsigned)limit;
            break;
        default:
            return usage(stderr, 2);
        }
    }
    /* The one argument without an equals sign is the file. */
    int kept = optind;
    for (int i = optind; i < argc; i++) {
        if (strchr(argv[i], '='))
            argv[kept++] = argv[i];
        else if (options.file)
            return usage(stderr, 2);
        else
            options.file = argv[i];
    }
    argv[kept] = NULL;
    if (!options.file)
        return usage(stderr, 2);
    options.params = json_object();
    check_file(&options, argv + optind);
    json_decref(options.params);
    return report_end();
}
