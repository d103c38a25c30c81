/* SPDX-License-Identifier: Apache-2.0 */
/* Every noun and verb, with its options and its columns. */
#include "core/cli/cli.h"
#include "core/util/macros.h"

#define END                                                                    \
    {                                                                          \
        NULL, NULL, COLUMN_TEXT                                                \
    }
#define END_OPTIONS                                                            \
    {                                                                          \
        NULL, NULL, NULL                                                       \
    }

static const struct column host_columns[] = {
    {"NAME", "name", COLUMN_TEXT}, {"MAC", "macs", COLUMN_TEXT},
    {"ARCH", "arch", COLUMN_TEXT}, {"TIER", "tier", COLUMN_TEXT},
    {"TASK", "task", COLUMN_TEXT}, {"LABELS", "labels", COLUMN_LABELS},
    {"ID", "id", COLUMN_TEXT},     END};
static const struct column host_object[] = {
    {"id", "id", COLUMN_TEXT},
    {"name", "name", COLUMN_TEXT},
    {"MAC addresses", "macs", COLUMN_TEXT},
    {"UUID", "uuid", COLUMN_TEXT},
    {"arch", "arch", COLUMN_TEXT},
    {"tier", "tier", COLUMN_TEXT},
    {"reserved address", "reserved_address", COLUMN_TEXT},
    {"labels", "labels", COLUMN_LABELS},
    {"facts", "facts", COLUMN_LABELS},
    {"made", "created_s", COLUMN_TIME},
    END};
static const struct column unknown_columns[] = {
    {"MAC", "mac", COLUMN_TEXT},     {"UUID", "uuid", COLUMN_TEXT},
    {"ARCH", "arch", COLUMN_TEXT},   {"SEEN", "count", COLUMN_TEXT},
    {"LAST", "last_s", COLUMN_TIME}, END};
static const struct column pending_columns[] = {
    {"HOST", "host_name", COLUMN_TEXT},
    {"SINCE", "since_s", COLUMN_TIME},
    {"MAC", "macs", COLUMN_TEXT},
    {"PRODUCT", "product", COLUMN_TEXT},
    {"SERIAL", "serial", COLUMN_TEXT},
    END};
static const struct column enrol_object[] = {
    {"open", "open", COLUMN_TEXT},
    {"since", "opened_s", COLUMN_TIME},
    {"until", "until_s", COLUMN_TIME},
    {"by", "by", COLUMN_TEXT},
    END};
static const struct column image_columns[] = {
    {"IMAGE", "id", COLUMN_TEXT},
    {"KIND", "kind", COLUMN_TEXT},
    {"SIZE", "size_bytes", COLUMN_SIZE},
    {"STORED", "stored_bytes", COLUMN_SIZE},
    {"SECTOR", "sector_bytes", COLUMN_TEXT},
    {"TIER", "min_tier", COLUMN_TEXT},
    {"MADE", "made_s", COLUMN_TIME},
    END};
static const struct column image_object[] = {
    {"image", "id", COLUMN_TEXT},
    {"kind", "kind", COLUMN_TEXT},
    {"size", "size_bytes", COLUMN_SIZE},
    {"stored", "stored_bytes", COLUMN_SIZE},
    {"sector size", "sector_bytes", COLUMN_TEXT},
    {"needs tier", "min_tier", COLUMN_TEXT},
    {"made", "made_s", COLUMN_TIME},
    {"manifest", "manifest", COLUMN_TEXT},
    END};
static const struct column upload_columns[] = {
    {"IMAGE", "name", COLUMN_TEXT},
    {"FORMAT", "format", COLUMN_TEXT},
    {"STATE", "state", COLUMN_TEXT},
    {"SENT", "offset_bytes", COLUMN_SIZE},
    {"SIZE", "size_bytes", COLUMN_SIZE},
    {"EXPIRES", "expires_s", COLUMN_TIME},
    {"ID", "id", COLUMN_TEXT},
    END};
static const struct column profile_columns[] = {
    {"NAME", "name", COLUMN_TEXT},
    {"CHANGED", "changed_s", COLUMN_TIME},
    {"BY", "by", COLUMN_TEXT},
    END};
static const struct column profile_object[] = {
    {"profile", "name", COLUMN_TEXT},
    {"changed", "changed_s", COLUMN_TIME},
    {"by", "by", COLUMN_TEXT},
    END};
static const struct column task_columns[] = {
    {"TASK", "id", COLUMN_TEXT},
    {"HOST", "host_name", COLUMN_TEXT},
    {"STATE", "state", COLUMN_TEXT},
    {"DONE", "progress.permille", COLUMN_PERMILLE},
    {"ATTEMPT", "attempt", COLUMN_TEXT},
    {"STARTED", "created_s", COLUMN_TIME},
    {"WHY", "sentence", COLUMN_TEXT},
    END};
static const struct column task_object[] = {
    {"task", "id", COLUMN_TEXT},
    {"host", "host_name", COLUMN_TEXT},
    {"batch", "batch", COLUMN_TEXT},
    {"by", "by", COLUMN_TEXT},
    {"state", "state", COLUMN_TEXT},
    {"attempt", "attempt", COLUMN_TEXT},
    {"step", "step", COLUMN_TEXT},
    {"done", "progress.permille", COLUMN_PERMILLE},
    {"doing", "progress.text", COLUMN_TEXT},
    {"made", "created_s", COLUMN_TIME},
    {"started", "started_s", COLUMN_TIME},
    {"ended", "ended_s", COLUMN_TIME},
    {"left by", "method", COLUMN_TEXT},
    {"code", "code", COLUMN_TEXT},
    {"why", "sentence", COLUMN_TEXT},
    END};
static const struct column batch_columns[] = {
    {"BATCH", "id", COLUMN_TEXT},
    {"PROFILE", "profile", COLUMN_TEXT},
    {"HOSTS", "hosts", COLUMN_TEXT},
    {"STATE", "state", COLUMN_TEXT},
    {"STARTED", "created_s", COLUMN_TIME},
    {"BY", "by", COLUMN_TEXT},
    END};
static const struct column batch_object[] = {
    {"batch", "id", COLUMN_TEXT},
    {"profile", "profile", COLUMN_TEXT},
    {"state", "state", COLUMN_TEXT},
    {"hosts", "hosts", COLUMN_TEXT},
    {"started", "created_s", COLUMN_TIME},
    {"by", "by", COLUMN_TEXT},
    END};
static const struct column plugin_columns[] = {
    {"KIND", "kind", COLUMN_TEXT},       {"NAME", "name", COLUMN_TEXT},
    {"MACHINE", "machine", COLUMN_TEXT}, {"VERSION", "version", COLUMN_TEXT},
    {"ENABLED", "enabled", COLUMN_TEXT}, {"SUMMARY", "summary", COLUMN_TEXT},
    {"PROBLEM", "problem", COLUMN_TEXT}, END};
static const struct column engine_columns[] = {
    {"MACHINE", "machine", COLUMN_TEXT},
    {"VERSION", "version", COLUMN_TEXT},
    {"KERNEL", "kernel", COLUMN_TEXT},
    {"BUILT", "made_s", COLUMN_TIME},
    {"PUBLISHED", "published_s", COLUMN_TIME},
    {"BY", "by", COLUMN_TEXT},
    END};
static const struct column event_columns[] = {
    {"NUMBER", "number", COLUMN_TEXT},
    {"TIME", "time_ms", COLUMN_TIME},
    {"EVENT", "event", COLUMN_TEXT},
    {"MESSAGE", "message", COLUMN_TEXT},
    END};
static const struct column audit_columns[] = {
    {"NUMBER", "number", COLUMN_TEXT}, {"TIME", "time_s", COLUMN_TIME},
    {"WHO", "actor", COLUMN_TEXT},     {"DID", "action", COLUMN_TEXT},
    {"TO", "target", COLUMN_TEXT},     END};
static const struct column token_columns[] = {
    {"NAME", "name", COLUMN_TEXT},   {"SCOPE", "scope", COLUMN_TEXT},
    {"MADE", "made_s", COLUMN_TIME}, {"EXPIRES", "expires_s", COLUMN_TIME},
    {"ID", "id", COLUMN_TEXT},       END};
static const struct column token_object[] = {{"token", "token", COLUMN_TEXT},
                                             {"id", "id", COLUMN_TEXT},
                                             {"name", "name", COLUMN_TEXT},
                                             {"scope", "scope", COLUMN_TEXT},
                                             END};
static const struct column secret_columns[] = {
    {"NAME", "name", COLUMN_TEXT},
    {"TIER", "min_tier", COLUMN_TEXT},
    {"CHANGED", "changed_s", COLUMN_TIME},
    {"BY", "by", COLUMN_TEXT},
    END};
static const struct column secret_object[] = {
    {"secret", "name", COLUMN_TEXT},
    {"needs tier", "min_tier", COLUMN_TEXT},
    {"changed", "changed_s", COLUMN_TIME},
    {"by", "by", COLUMN_TEXT},
    END};
static const struct column lease_columns[] = {
    {"ADDRESS", "address", COLUMN_TEXT}, {"MAC", "mac", COLUMN_TEXT},
    {"HOST", "host_name", COLUMN_TEXT},  {"STATE", "state", COLUMN_TEXT},
    {"UNTIL", "until_s", COLUMN_TIME},   END};
static const struct column status_object[] = {
    {"version", "version", COLUMN_TEXT},
    {"site", "site", COLUMN_TEXT},
    {"server", "server", COLUMN_TEXT},
    {"address", "address", COLUMN_TEXT},
    {"store", "store", COLUMN_TEXT},
    {"up for", "uptime_s", COLUMN_SPAN},
    {"hosts", "counts.hosts", COLUMN_TEXT},
    {"images", "counts.images", COLUMN_TEXT},
    {"engines connected", "counts.sessions", COLUMN_TEXT},
    {"TLS port", "ports.tls", COLUMN_TEXT},
    {"HTTP port", "ports.http", COLUMN_TEXT},
    END};

static const struct option_spec host_add_options[] = {
    {"mac", "MAC[,MAC...]", "its MAC addresses"},
    {"uuid", "UUID", "its SMBIOS UUID"},
    {"arch", "NAME", "the arch plugin that boots it"},
    {"tier", "network|console", "how its engine must prove itself"},
    {"address", "ADDRESS", "a reserved IPv4 address"},
    {"label", "KEY=VALUE[,...]", "labels"},
    END_OPTIONS};
static const struct option_spec host_change_options[] = {
    {"name", "NAME", "another name"},
    {"mac", "MAC[,MAC...]", "its MAC addresses"},
    {"uuid", "UUID", "its SMBIOS UUID"},
    {"tier", "network|console", "how its engine must prove itself"},
    {"address", "ADDRESS", "a reserved IPv4 address; empty takes it away"},
    {"label", "KEY=VALUE[,...]", "all its labels"},
    END_OPTIONS};
static const struct option_spec host_approve_options[] = {
    {"name", "NAME", "register an unknown machine under this name"},
    {"tier", "network|console", "with --name: how it must prove itself"},
    {"address", "ADDRESS", "with --name: a reserved IPv4 address"},
    {"label", "KEY=VALUE[,...]", "with --name: all its labels"},
    END_OPTIONS};
static const struct option_spec enrol_options[] = {
    {"for", "TIME", "1m to 24h; 30m when absent"}, END_OPTIONS};
static const struct option_spec import_options[] = {
    {"format", "raw|qcow2|vhdx|vmdk", "of the file; raw when it is absent"},
    {"kind", "disk|blob", "what it is; disk when absent"},
    {"sector-bytes", "N", "sector size of the disk it was made for; 512"},
    {"min-tier", "network|console", "engines below do not get it"},
    END_OPTIONS};
static const struct option_spec verify_options[] = {
    {"all", NULL, "every image"}, END_OPTIONS};
static const struct option_spec export_options[] = {
    {"format", "raw|qcow2", "of the file; raw when it is absent"}, END_OPTIONS};
static const struct option_spec gc_options[] = {
    {"dry-run", NULL, "only say what would be freed"}, END_OPTIONS};
static const struct option_spec start_options[] = {
    {"hosts", "NAMES", "names with commas and ranges: lab-[001-300]"},
    {"labels", "KEY=VALUE[,...]", "all hosts with these labels"},
    {"wait", NULL, "until all tasks are over, with progress"},
    {"timeout", "TIME", "for --wait: 30m, 2h"},
    END_OPTIONS};
static const struct option_spec wait_options[] = {
    {"timeout", "TIME", "30m, 2h"}, END_OPTIONS};
static const struct option_spec approve_options[] = {
    {"codes", "FILE", "a code a line; - for standard input"}, END_OPTIONS};
static const struct option_spec task_list_options[] = {
    {"state", "STATE", "only tasks in this state"},
    {"host", "HOST", "only tasks of this host"},
    END_OPTIONS};
static const struct option_spec token_options[] = {
    {"scope", "viewer|operator|admin", "what it may do"},
    {"expires", "TIME", "from now: 30d; never when absent"},
    END_OPTIONS};
static const struct option_spec secret_options[] = {
    {"min-tier", "network|console", "machines below do not get it; console"},
    END_OPTIONS};
static const struct option_spec follow_options[] = {
    {"after", "ID", "also the kept events after this one"}, END_OPTIONS};
static const struct option_spec build_options[] = {
    {"kernel-package", "FILE", "Debian's linux-image-VERSION-amd64, or -686-pae"},
    {"kernel", "FILE", "a kernel, and"},
    {"modules", "DIR", "its modules: .../lib/modules/VERSION"},
    {"arch", "x86_64|i686", "the machines' processor; x86_64 when absent"},
    {"engine-files", "DIR", "folder of slipway-engine and its helper"},
    {"plugins", "DIR", "folder of MACHINE/transport/NAME.so"},
    {"firmware", "DIR", "firmware files, like /lib/firmware"},
    {"sysroot", "DIR", "take libraries from there"},
    {"compress", "HOW", "zstd, xz or auto"},
    {"keep", "FILE", "keep the unified image here too"},
    END_OPTIONS};

/* A path that begins with '=' is a list that always comes whole. */
#define A "/api/v1/"

const struct verb verbs[] = {
    {"status", "", "", 0, 0, "how the server is", NULL, status_show, A "status",
     status_object},

    {"host", "list", "", 0, 0, "machines that are registered", NULL, cli_list,
     A "hosts", host_columns},
    {"host", "show", "HOST", 1, 1, "one machine, by name, id or MAC", NULL,
     cli_show, A "hosts/{0}", host_object},
    {"host", "add", "NAME", 1, 1, "register a machine", host_add_options,
     host_add, A "hosts", host_object},
    {"host", "change", "HOST", 1, 1, "change a machine", host_change_options,
     host_change, A "hosts/{0}", host_object},
    {"host", "delete", "HOST", 1, 1, "forget a machine", NULL, cli_delete,
     A "hosts/{0}", NULL},
    {"host", "approve", "[HOST] CODE...", 1, 5,
     "approve the engine that shows this code", host_approve_options,
     host_approve, A "hosts/{0}/approve", host_object},
    {"host", "inventory", "HOST", 1, 1, "what its newest inventory found", NULL,
     host_inventory, A "hosts/{0}/inventory", NULL},
    {"host", "unknown", "", 0, 0, "machines that asked and are not registered",
     NULL, cli_list, "=" A "unknown-hosts", unknown_columns},
    {"host", "pending", "", 0, 0, "engines that wait for approval", NULL,
     cli_list, "=" A "pending-hosts", pending_columns},

    {"enrol", "show", "", 0, 0, "whether unknown machines load the engine",
     NULL, cli_show, A "enrol", enrol_object},
    {"enrol", "open", "", 0, 0, "let unknown machines load the engine",
     enrol_options, enrol_open, A "enrol/open", enrol_object},
    {"enrol", "close", "", 0, 0, "let unknown machines boot their disk", NULL,
     cli_post, A "enrol/close", enrol_object},

    {"image", "list", "", 0, 0, "images", NULL, cli_list, A "images",
     image_columns},
    {"image", "show", "IMAGE", 1, 1, "one image: name or name@revision", NULL,
     cli_show, A "images/{0}", image_object},
    {"image", "import", "NAME FILE", 2, 2, "a file as the next revision",
     import_options, image_import, A "images/{0}", image_object},
    {"image", "delete", "IMAGE", 1, 1, "delete one revision", NULL, cli_delete,
     A "images/{0}", NULL},
    {"image", "export", "IMAGE FILE", 2, 2, "the plain content into a file",
     export_options, image_export, A "images/{0}", NULL},
    {"image", "verify", "[IMAGE...]", 0, 5, "look for damage in what is stored",
     verify_options, image_verify, NULL, NULL},
    {"image", "gc", "", 0, 0, "remove what nothing names", gc_options, image_gc,
     NULL, NULL},

    {"profile", "list", "", 0, 0, "profiles", NULL, cli_list, A "profiles",
     profile_columns},
    {"profile", "show", "NAME", 1, 1, "one profile as JSON", NULL, profile_show,
     A "profiles/{0}", NULL},
    {"profile", "add", "FILE", 1, 1, "store a new profile", NULL, profile_add,
     A "profiles", profile_object},
    {"profile", "replace", "FILE", 1, 1, "store it over the one of its name",
     NULL, profile_replace, NULL, profile_object},
    {"profile", "delete", "NAME", 1, 1, "delete a profile", NULL, cli_delete,
     A "profiles/{0}", NULL},

    {"task", "start", "PROFILE", 1, 1, "start a profile on hosts",
     start_options, task_start, A "tasks", NULL},
    {"task", "list", "", 0, 0, "tasks", task_list_options, cli_list, A "tasks",
     task_columns},
    {"task", "show", "TASK", 1, 1, "one task and its steps", NULL, task_show,
     A "tasks/{0}", task_object},
    {"task", "result", "TASK STEP", 2, 2,
     "what a step reported; steps count from 0", NULL, cli_show,
     A "tasks/{0}/steps/{1}/result", NULL},
    {"task", "cancel", "TASK", 1, 1, "stop a task", NULL, cli_post,
     A "tasks/{0}/cancel", task_object},

    {"batch", "list", "", 0, 0, "batches of tasks", NULL, cli_list, A "batches",
     batch_columns},
    {"batch", "show", "BATCH", 1, 1, "one batch and its tasks", NULL,
     batch_show, A "batches/{0}", batch_object},
    {"batch", "wait", "BATCH", 1, 1, "until its tasks are over, with progress",
     wait_options, task_wait, NULL, NULL},
    {"batch", "approve", "BATCH", 1, 1,
     "approve its engines by the codes on their screens", approve_options,
     batch_approve, A "batches/{0}/approve", NULL},
    {"batch", "cancel", "BATCH", 1, 1, "stop its tasks", NULL, cli_post,
     A "batches/{0}/cancel", NULL},

    {"plugin", "list", "", 0, 0, "plugins: files found and what is enabled",
     NULL, cli_list, "=" A "plugins", plugin_columns},
    {"plugin", "describe", "KIND NAME", 2, 2, "what a plugin says about itself",
     NULL, cli_show, A "plugins/{0}/{1}", NULL},
    {"plugin", "enable", "KIND NAME", 2, 2, "enable the file that is there now",
     NULL, cli_post, A "plugins/{0}/{1}/enable", NULL},
    {"plugin", "disable", "KIND NAME", 2, 2, "stop using a plugin", NULL,
     cli_post, A "plugins/{0}/{1}/disable", NULL},

    {"engine", "list", "", 0, 0, "the engine build of each machine", NULL,
     cli_list, "=" A "engines", engine_columns},
    {"engine", "build", "", 0, 0, "make an engine build and publish it",
     build_options, engine_build, A "engines", engine_columns},

    {"event", "list", "", 0, 0, "the newest events", NULL, cli_list,
     A "events/list", event_columns},
    {"event", "follow", "", 0, 0, "events as they happen", follow_options,
     event_follow, NULL, NULL},
    {"audit", "list", "", 0, 0, "who changed what", NULL, cli_list, A "audit",
     audit_columns},
    {"token", "list", "", 0, 0, "tokens, without their text", NULL, cli_list,
     A "tokens", token_columns},
    {"token", "create", "NAME", 1, 1, "make a token and show it once",
     token_options, token_create, A "tokens", token_object},
    {"token", "revoke", "ID", 1, 1, "make a token useless", NULL, cli_delete,
     A "tokens/{0}", NULL},
    {"upload", "list", "", 0, 0, "images that come in pieces", NULL, cli_list,
     A "uploads", upload_columns},
    {"upload", "delete", "ID", 1, 1, "give an upload up", NULL, cli_delete,
     A "uploads/{0}", NULL},
    {"secret", "list", "", 0, 0, "secrets, without their values", NULL, cli_list,
     A "secrets", secret_columns},
    {"secret", "set", "NAME", 1, 1, "keep a value, read from standard input",
     secret_options, secret_set, A "secrets/{0}", secret_object},
    {"secret", "delete", "NAME", 1, 1, "forget a secret", NULL, cli_delete,
     A "secrets/{0}", NULL},
    {"lease", "list", "", 0, 0, "DHCP leases", NULL, cli_list, A "leases",
     lease_columns},

    {"explain", "", "PROBLEM", 1, 1, "what a problem means, and what to do",
     NULL, explain_show, A "problems/{0}", NULL},
};

const size_t verb_count = ARRAY_LENGTH(verbs);
