/* SPDX-License-Identifier: Apache-2.0 */
/* slipway-engine-build: see slipway-engine-build(8). */
#include "core/engine/build/pack.h"

#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "config.h"

#include "core/util/crypto.h"
#include "core/util/file.h"
#include "core/util/json.h"
#include "core/util/num.h"

enum option_code {
    OPT_BUILT = 256,
    OPT_COMMAND_LINE,
    OPT_COMPRESS,
    OPT_ENGINE_FILES,
    OPT_FIRMWARE,
    OPT_JSON,
    OPT_KERNEL,
    OPT_KERNEL_PACKAGE,
    OPT_MACHINE,
    OPT_MODULES,
    OPT_MODULES_LIST,
    OPT_OUT,
    OPT_OUT_INITRAMFS,
    OPT_OUT_KERNEL,
    OPT_PLUGINS,
    OPT_STUB,
    OPT_SYSROOT,
    OPT_TRUST,
    OPT_HELP,
    OPT_VERSION,
};

static const struct option options_long[] = {
    {"built", required_argument, NULL, OPT_BUILT},
    {"cmdline", required_argument, NULL, OPT_COMMAND_LINE},
    {"compress", required_argument, NULL, OPT_COMPRESS},
    {"engine-files", required_argument, NULL, OPT_ENGINE_FILES},
    {"firmware", required_argument, NULL, OPT_FIRMWARE},
    {"json", no_argument, NULL, OPT_JSON},
    {"kernel", required_argument, NULL, OPT_KERNEL},
    {"kernel-package", required_argument, NULL, OPT_KERNEL_PACKAGE},
    {"machine", required_argument, NULL, OPT_MACHINE},
    {"modules", required_argument, NULL, OPT_MODULES},
    {"modules-list", required_argument, NULL, OPT_MODULES_LIST},
    {"out", required_argument, NULL, OPT_OUT},
    {"out-initramfs", required_argument, NULL, OPT_OUT_INITRAMFS},
    {"out-kernel", required_argument, NULL, OPT_OUT_KERNEL},
    {"plugins", required_argument, NULL, OPT_PLUGINS},
    {"stub", required_argument, NULL, OPT_STUB},
    {"sysroot", required_argument, NULL, OPT_SYSROOT},
    {"trust", required_argument, NULL, OPT_TRUST},
    {"help", no_argument, NULL, OPT_HELP},
    {"version", no_argument, NULL, OPT_VERSION},
    {NULL, 0, NULL, 0},
};

static const char usage[] =
    "usage: slipway-engine-build --kernel-package FILE.deb --trust FILE "
    "--out FILE.efi\n"
    "       slipway-engine-build --kernel VMLINUZ --modules DIR --trust FILE "
    "--out FILE.efi\n"
    "\n"
    "Makes the engine: a unified kernel image for UEFI machines, or kernel "
    "and\n"
    "initramfs for other loaders, or all three.\n"
    "\n"
    "  --kernel-package FILE  Debian's linux-image-VERSION-amd64 or -686-pae\n"
    "  --kernel FILE          a kernel, and\n"
    "  --modules DIR          its modules: .../lib/modules/VERSION\n"
    "  --trust FILE           the site's public trust file\n"
    "  --out FILE             write the unified kernel image (x86_64)\n"
    "  --out-kernel FILE      write the kernel, and\n"
    "  --out-initramfs FILE   the initramfs\n"
    "  --machine NAME         x86_64 (default) or i686\n"
    "  --engine-files DIR     folder of slipway-engine and its helper\n"
    "  --plugins DIR          folder of MACHINE/transport/*.so\n"
    "  --modules-list FILE    which modules go in\n"
    "  --firmware DIR         firmware files for them, like /lib/firmware\n"
    "  --sysroot DIR          take libraries from there\n"
    "  --stub FILE            systemd's EFI stub\n"
    "  --cmdline TEXT         the kernel's command line\n"
    "  --compress HOW         zstd, xz, or auto (default)\n"
    "  --built SECONDS        build time; default: newest of the inputs\n"
    "  --json                 report as JSON\n"
    "  --help, --version\n";

/* Text options by code; the others are in parse_options. */
static const char **text_option(struct build_options *o, int code)
{
    switch (code) {
    case OPT_COMMAND_LINE:
        return &o->command_line;
    case OPT_COMPRESS:
        return &o->compress;
    case OPT_ENGINE_FILES:
        return &o->engine_files;
    case OPT_FIRMWARE:
        return &o->firmware;
    case OPT_KERNEL:
        return &o->kernel;
    case OPT_KERNEL_PACKAGE:
        return &o->kernel_package;
    case OPT_MACHINE:
        return &o->machine;
    case OPT_MODULES:
        return &o->modules;
    case OPT_MODULES_LIST:
        return &o->modules_list;
    case OPT_OUT:
        return &o->out;
    case OPT_OUT_INITRAMFS:
        return &o->out_initramfs;
    case OPT_OUT_KERNEL:
        return &o->out_kernel;
    case OPT_PLUGINS:
        return &o->plugins;
    case OPT_STUB:
        return &o->stub;
    case OPT_SYSROOT:
        return &o->sysroot;
    case OPT_TRUST:
        return &o->trust;
    default:
        return NULL;
    }
}

/* 0 = go on, 1 = everything is said, negative = an error. */
static int parse_options(int argc, char **argv, struct build_options *o,
                         struct err *err)
{
    int code;
    while ((code = getopt_long(argc, argv, "", options_long, NULL)) != -1) {
        const char **text = text_option(o, code);
        if (text) {
            *text = optarg;
        } else if (code == OPT_JSON) {
            o->json = true;
        } else if (code == OPT_BUILT) {
            if (num_parse_u64(optarg, 1, INT64_MAX, &o->built_s, err))
                return err_prefix(err, "--built: ");
        } else if (code == OPT_HELP) {
            (void)fputs(usage, stdout);
            return 1;
        } else if (code == OPT_VERSION) {
            (void)puts("slipway-engine-build " PACKAGE_VERSION);
            return 1;
        } else {
            return err_set(err, ERR_INVALID, "see --help");
        }
    }
    if (optind < argc)
        return err_set(err, ERR_INVALID, "'%s' is not an option; see --help",
                       argv[optind]);
    return 0;
}

static int check_options(const struct build_options *o, struct err *err)
{
    bool package = o->kernel_package && !o->kernel && !o->modules;
    bool files = !o->kernel_package && o->kernel && o->modules;
    if (!package && !files)
        return err_set(err, ERR_INVALID,
                       "give either --kernel-package, or --kernel with "
                       "--modules");
    if (!o->trust)
        return err_set(err, ERR_INVALID,
                       "--trust is missing: without the site's trust file an "
                       "engine believes no server");
    if (strcmp(o->machine, "x86_64") && strcmp(o->machine, "i686"))
        return err_set(err, ERR_UNSUPPORTED,
                       "engines are built for x86_64 and i686 only so far, "
                       "not for '%s'",
                       o->machine);
    if (!o->out_kernel != !o->out_initramfs || (!o->out && !o->out_kernel))
        return err_set(err, ERR_INVALID,
                       "give --out for the unified kernel image, or "
                       "--out-kernel with --out-initramfs, or all three");
    if (o->out && strcmp(o->machine, "x86_64"))
        return err_set(err, ERR_INVALID,
                       "--out is for x86_64: no firmware of '%s' starts a "
                       "unified kernel image; use --out-kernel and "
                       "--out-initramfs",
                       o->machine);
    if (strcmp(o->compress, "auto") && strcmp(o->compress, "zstd") &&
        strcmp(o->compress, "xz"))
        return err_set(err, ERR_INVALID,
                       "--compress is 'auto', 'zstd' or 'xz', not '%s'",
                       o->compress);
    return 0;
}

int pack_part(struct pack *pack, const char *name, size_t length,
              struct err *err)
{
    json_int_t sum = json_integer_value(json_object_get(pack->parts, name));
    if (json_object_set_new(pack->parts, name,
                            json_integer(sum + (json_int_t)length)))
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    return 0;
}

/* Adds {"role", "file", "sha256"} of what was written. */
static int add_out(json_t *files, const char *role, const char *path,
                   struct err *err)
{
    AUTO_BUF bytes = BUF_INIT((size_t)1 << 30);
    char hex[DIGEST_HEX_BYTES];
    struct digest digest;
    if (!path)
        return 0;
    int rc = file_read(AT_FDCWD, path, &bytes, err);
    if (rc)
        return rc;
    digest_of(bytes.data, bytes.length, &digest);
    if (json_array_append_new(files,
                              json_pack("{s:s, s:s, s:s}", "role", role, "file",
                                        path, "sha256",
                                        digest_hex(&digest, hex))))
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    return 0;
}

/* The names of the network drivers inside, for people and for the record. */
static json_t *list_modules(const struct pack *pack)
{
    json_t *names = json_array();
    for (size_t i = 0; i < pack->modules.count; i++)
        if (pack->modules.modules[i].chosen)
            (void)json_array_append_new(
                names, json_string(pack->modules.modules[i].name));
    return names;
}

static int print_json(const struct pack *pack, struct err *err)
{
    const struct build_options *options = pack->options;
    AUTO_JSON *files = json_array();
    int rc = add_out(files, "engine", options->out, err);
    if (!rc)
        rc = add_out(files, "kernel", options->out_kernel, err);
    if (!rc)
        rc = add_out(files, "initramfs", options->out_initramfs, err);
    if (rc)
        return rc;
    AUTO_JSON *report = json_pack(
        "{s:O, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:O, s:o, s:O}", "files",
        files, "machine", options->machine, "version", PACKAGE_VERSION,
        "kernel", pack->release, "command_line", options->command_line,
        "trust_sha256", pack->trust_digest, "compression", pack->compression,
        "built_s", (json_int_t)pack->built_s, "bytes", pack->parts, "modules",
        list_modules(pack), "warnings", pack->warnings);
    AUTO_FREE char *text = json_text(report);
    if (!text)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    (void)puts(text);
    return 0;
}

static void print_people(const struct pack *pack)
{
    size_t i;
    json_t *warning;
    json_array_foreach(pack->warnings, i, warning)
    {
        (void)printf("note: %s\n", json_string_value(warning));
    }
    const char *key;
    json_t *bytes;
    json_object_foreach(pack->parts, key, bytes)
    {
        (void)printf("%12" JSON_INTEGER_FORMAT " bytes  %s\n",
                     json_integer_value(bytes), key);
    }
    (void)printf("the engine for %s has Linux %s with %zu modules (%s)\n",
                 pack->options->machine, pack->release, pack->modules.chosen,
                 pack->compression);
}

static int build(const struct build_options *options, struct err *err)
{
    struct pack pack = {
        .options = options,
        .tree = {.spool_fd = -1},
        .scratch = BUF_INIT(BUILD_FILE_MAX),
        .kernel = BUF_INIT(BUILD_FILE_MAX),
        .initramfs = BUF_INIT(BUILD_FILE_MAX),
        .needed = json_array(),
        .parts = json_object(),
        .warnings = json_array(),
    };
    cpio_init(&pack.cpio);
    int rc = pack_kernel(&pack, err);
    if (!rc)
        rc = pack_site(&pack, err);
    if (!rc)
        rc = pack_engine(&pack, err);
    if (!rc)
        rc = pack_write(&pack, err);
    if (!rc && options->json)
        rc = print_json(&pack, err);
    else if (!rc)
        print_people(&pack);
    module_set_done(&pack.modules);
    tree_done(&pack.tree);
    cpio_done(&pack.cpio);
    buf_done(&pack.scratch);
    buf_done(&pack.kernel);
    buf_done(&pack.initramfs);
    json_decref(pack.needed);
    json_decref(pack.parts);
    json_decref(pack.warnings);
    return rc;
}

/* "FOLDER/name", where FOLDER comes from the environment of a build tree or
 * is where things were installed.  Lives until the program ends. */
static char *below(const char *variable, const char *installed,
                         const char *name)
{
    const char *folder = getenv(variable);
    char *path = NULL;
    if (asprintf(&path, "%s%s", folder && *folder ? folder : installed, name) <
        0)
        return NULL;
    return path;
}

/* Programs of this machine lie where they are run, those of another in a
 * folder of its name there. */
static int place_engine_files(struct build_options *options, char **ret_folder,
                              struct err *err)
{
    AUTO_FREE char *machine = NULL;
    if (options->engine_files)
        return 0;
    if (asprintf(&machine, "/%s", options->machine) < 0) {
        machine = NULL;
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    }
    bool own = strcmp(options->machine, SLIPWAY_MACHINE) == 0;
    *ret_folder =
        below("SLIPWAY_LIBEXEC_DIR", PKGLIBEXECDIR, own ? "" : machine);
    options->engine_files = *ret_folder;
    return *ret_folder ? 0 : err_set(err, ERR_NO_MEMORY, "out of memory");
}

int main(int argc, char **argv)
{
    struct err err = ERR_INIT;
    char *engine_files = NULL;
    char *plugins = below("SLIPWAY_PLUGIN_DIR", PKGLIBDIR "/plugins", "");
    char *list =
        below("SLIPWAY_DATA_DIR", PKGDATADIR, "/engine/modules.list");
    struct build_options options = {
        .machine = "x86_64",
        .plugins = plugins,
        .modules_list = list,
        .sysroot = "",
        .stub = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub",
        /* The last console is the one that /dev/console means; the engine
         * writes to all of them.  A panicking engine resets the machine, so
         * that a broken build never leaves a room of dead screens. */
        .command_line = "console=tty0 console=ttyS0,115200 quiet panic=30",
        .compress = "auto",
    };
    int rc = plugins && list
                 ? parse_options(argc, argv, &options, &err)
                 : err_set(&err, ERR_NO_MEMORY, "out of memory");
    if (!rc)
        rc = check_options(&options, &err);
    if (!rc)
        rc = place_engine_files(&options, &engine_files, &err);
    if (!rc)
        rc = build(&options, &err);
    free(engine_files);
    free(plugins);
    free(list);
    if (rc >= 0)
        return 0;
    (void)fprintf(stderr, "slipway-engine-build: %s\n", err.text);
    return err.code == ERR_INVALID ? 2 : 1;
}
