/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Order of things: limits, start message, load, parameters, probe, prepare,
 * run, verify.  Nothing here is trusted by PID 1, which checks every call.
 */
#include "core/engine/actions/action-process.h"

#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>

#include "config.h"
#include "core/util/json.h"
#include "core/util/log.h"

#define MAX_OPEN_FILES 256
#define MAX_PROCESSES 256
#define MAX_ADDRESS_SPACE (UINT64_C(4) << 30)

struct action_block {
    struct action_block *next;
    max_align_t data[];
};

uint64_t action_now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail */
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void *action_alloc(struct action_process *process, uint64_t length)
{
    if (length > 4 * ACTION_MAX_TEXT_BYTES)
        return NULL;
    struct action_block *block = calloc(1, sizeof(*block) + (size_t)length);
    if (!block)
        return NULL;
    block->next = process->blocks;
    process->blocks = block;
    return block->data;
}

/* Without PID 1 there is nobody to work for. */
static void channel_lost(const struct err *err)
{
    log_error("%s", err->text);
    _exit(3);
}

void action_tell(struct action_process *process, json_t *head)
{
    struct err err = ERR_INIT;

    if (!head ||
        channel_send_now(process->fd, head, NULL, 0, NULL, 0, &err) < 0)
        channel_lost(&err);
}

int action_call(struct action_process *process, json_t *head, const char *text,
                struct channel_message *ret_reply)
{
    struct err err = ERR_INIT;
    AUTO_CLOSE int text_fd = -1;

    if (text) {
        text_fd = action_text_fd(text, strlen(text), &err);
        if (text_fd < 0) {
            json_decref(head);
            return action_fail(process, SLIPWAY_EINTERNAL, "%s", err.text);
        }
    }
    if (!head ||
        channel_send_now(process->fd, head, NULL, 0, &text_fd, text ? 1 : 0,
                         &err) < 0 ||
        channel_receive(process->fd, ret_reply, &err) < 0)
        channel_lost(&err);
    json_t *code = json_object_get(ret_reply->head, "code");
    if (!json_is_integer(code)) {
        (void)err_set(&err, ERR_CORRUPT, "the engine's reply has no code");
        channel_lost(&err);
    }
    return (int)json_integer_value(code);
}

int action_call_simple(struct action_process *process, json_t *head,
                       const char *text)
{
    struct channel_message reply = {.head = NULL, .fds = {-1, -1, -1, -1}};
    int code = action_call(process, head, text, &reply);

    channel_message_done(&reply);
    return code;
}

int action_fail(struct action_process *process, int code, const char *format,
                ...)
{
    char sentence[ERR_TEXT_BYTES];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    process->host.fail(&process->host, code, sentence);
    return code;
}

static void limit(int resource, rlim_t value)
{
    struct rlimit r = {value, value};

    (void)setrlimit(resource, &r); /* a lower limit stands already, or none */
}

/* PID 1 must not depend on any of this: it guards itself by the channel and
 * the time limit.  A plugin just has no reason to do more than this. */
static void confine(void)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    (void)unshare(CLONE_NEWNET); /* no network; needs root, as on a target */
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_NOFILE, MAX_OPEN_FILES);
#ifdef SLIPWAY_SANITIZED
    (void)signal(SIGSEGV, SIG_DFL); /* a crash is to be seen as one */
#else
    limit(RLIMIT_AS, MAX_ADDRESS_SPACE);
#endif
    if (geteuid() == 0)
        limit(RLIMIT_NPROC, MAX_PROCESSES);
}

/* Takes the start message apart and loads the plugin. */
static int load(struct action_process *process, const char *name,
                struct channel_message *start)
{
    struct err err = ERR_INIT;
    AUTO_BUF text = BUF_INIT(ACTION_MAX_TEXT_BYTES);
    struct digest digest;

    if (action_text_read(start->fds[0], &text, &err) < 0)
        return action_fail(process, err.code, "%s", err.text);
    AUTO_JSON *json = json_parse(buf_text(&text), text.length, text.max, &err);
    const char *hex = json_string_value(json_object_get(json, "digest"));
    if (!hex || digest_parse(hex, &digest, &err) < 0)
        return action_fail(process, SLIPWAY_EINTERNAL,
                           "the engine's start message is damaged");
    process->host.flags = json_is_true(json_object_get(json, "dry_run"))
                              ? SLIPWAY_ACTION_DRY_RUN
                              : 0;
    process->deadline_ms =
        action_now_ms() +
        (uint64_t)json_integer_value(json_object_get(json, "timeout_ms"));
    int code = plugin_load(TAKE_FD(start->fds[1]), SLIPWAY_KIND_ACTION, name,
                           &digest, &process->plugin, &err);
    if (code == 0)
        code = param_table_copy(process->plugin->as.action.params,
                                process->plugin->as.action.params_count,
                                &process->table, &err);
    if (code == 0)
        code =
            param_values_check(&process->table, json_object_get(json, "with"),
                               "with", &process->values, &err);
    if (code < 0)
        return action_fail(process, code, "action '%s' cannot run: %s", name,
                           err.text);
    return 0;
}

static int call_phase(struct action_process *process, const char *word,
                      int (*callback)(const struct slipway_action_host *host))
{
    if (!callback)
        return 0;
    int code = action_call_simple(
        process, json_pack("{s:s, s:s}", "call", "phase", "phase", word), NULL);
    if (code != 0)
        return code;
    code = callback(&process->host);
    /* Results outside of the closed list are a defect of the plugin. */
    if (code > 0 || code < SLIPWAY_EINTERNAL)
        return action_fail(process, SLIPWAY_EINTERNAL,
                           "the plugin returned %d from %s, which is not a "
                           "result that it may return",
                           code, word);
    return code;
}

static int run_phases(struct action_process *process)
{
    const struct slipway_action_plugin *plugin = &process->plugin->as.action;
    int code = action_call_simple(process,
                                  json_pack("{s:s, s:I}", "call", "loaded",
                                            "flags", (json_int_t)plugin->flags),
                                  NULL);

    if (code == 0)
        code = call_phase(process, "probe", plugin->probe);
    if (code == 0)
        code = call_phase(process, "prepare", plugin->prepare);
    if (code == 0)
        code = call_phase(process, "run", plugin->run);
    if (code == 0)
        code = call_phase(process, "verify", plugin->verify);
    return code;
}

int action_process_main(const char *name)
{
    struct err err = ERR_INIT;
    struct channel_message start = {.head = NULL, .fds = {-1, -1, -1, -1}};
    static struct action_process process;

    process.fd = ACTION_CHANNEL_FD;
    process.host.size = sizeof(process.host);
    process.host.private_data = &process;
    action_services(&process.host);
    confine();
    if (channel_receive(process.fd, &start, &err) < 0) {
        log_error("%s; this program is started by slipway-engine", err.text);
        return 3;
    }
    int code = load(&process, name, &start);
    channel_message_done(&start);
    if (code == 0)
        code = run_phases(&process);
    (void)action_call_simple(
        &process, json_pack("{s:s, s:i}", "call", "ended", "code", code), NULL);
    return 0;
}
