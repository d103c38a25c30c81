/* SPDX-License-Identifier: Apache-2.0 */
/* The life of the action process: start, replies, end. */
#include "core/engine/actions/action-host.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/engine/actions/action-host-parts.h"
#include "core/util/json.h"
#include "core/util/log.h"

#define STEP_TIMEOUT_DEFAULT_MS (60u * 60 * 1000)
#define CHANNEL_QUEUE 64
#define CANCEL_GRACE_MS 10000

void action_reply(struct action_host *host, int code, json_t *head, int fd)
{
    struct err err = ERR_INIT;

    host->busy = false;
    if (!head)
        head = json_object();
    if (!head || json_object_set_new(head, "code", json_integer(code)) < 0) {
        json_decref(head);
        return; /* no memory: the step's time limit ends this */
    }
    if (host->channel && channel_send(host->channel, head, NULL, 0, &fd,
                                      fd >= 0 ? 1 : 0, &err) < 0)
        action_record(host, "%s", err.text);
}

void action_reply_text(struct action_host *host, const char *text)
{
    struct err err = ERR_INIT;
    AUTO_CLOSE int fd = -1;

    if (!text) {
        action_refuse(host, ERR_INTERNAL, "not enough memory for a reply");
        return;
    }
    fd = action_text_fd(text, strlen(text), &err);
    if (fd < 0)
        action_refuse(host, ERR_INTERNAL, "%s", err.text);
    else
        action_reply(host, 0, NULL, fd);
}

static void record_text(struct action_host *host, const char *text)
{
    if (host->sentence[0])
        return; /* the first one wins */
    (void)snprintf(host->sentence, sizeof(host->sentence), "%s", text);
    host->failed_phase = host->phase;
}

void action_record(struct action_host *host, const char *format, ...)
{
    char text[ERR_TEXT_BYTES];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    record_text(host, text);
}

/* Plugins know the SDK's closed list only. */
static int public_code(int code)
{
    if (code >= SLIPWAY_EINTERNAL && code <= 0)
        return code;
    switch (code) {
    case ERR_NOT_FOUND:
    case ERR_CONFLICT:
    case ERR_TOO_BIG:
        return SLIPWAY_EINVAL;
    case ERR_CORRUPT:
        return SLIPWAY_EVERIFY;
    case ERR_NO_MEMORY:
    case ERR_UNKNOWN:
        return SLIPWAY_EINTERNAL;
    default:
        return SLIPWAY_EIO;
    }
}

void action_refuse(struct action_host *host, int code, const char *format, ...)
{
    char text[ERR_TEXT_BYTES];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    record_text(host, text);
    action_reply(host, public_code(code), NULL, -1);
}

void action_progress(struct action_host *host, unsigned permille,
                     const char *text, uint64_t bytes_done,
                     uint64_t bytes_total)
{
    host->permille = MIN(MAX(host->permille, permille), 1000u);
    if (text)
        (void)snprintf(host->text, sizeof(host->text), "%s", text);
    host->handlers.progress(host->arg, host->permille, host->text, bytes_done,
                            bytes_total);
}

/* ---- the end ---- */

static uint64_t time_limit_ms(const struct action_host *host)
{
    return host->step->timeout_ms ? host->step->timeout_ms
                                  : STEP_TIMEOUT_DEFAULT_MS;
}

static void explain_end(struct action_host *host)
{
    const char *name = host->step->action;

    if (host->cancelled) {
        host->code = ERR_CANCELLED;
        (void)snprintf(host->sentence, sizeof(host->sentence),
                       "step '%s' was cancelled", name);
    } else if (host->timed_out) {
        host->code = ERR_TIMEOUT;
        (void)snprintf(host->sentence, sizeof(host->sentence),
                       "step '%s' did not end within its time limit of %llu s "
                       "and was stopped; raise the limit in the profile, or "
                       "ask the plugin's vendor",
                       name, (unsigned long long)(time_limit_ms(host) / 1000));
    } else if (!host->said_end && host->status >= 256) {
        host->code = ERR_INTERNAL;
        (void)snprintf(host->sentence, sizeof(host->sentence),
                       "action '%s' crashed in %s (signal %d); ask the "
                       "plugin's vendor",
                       name, action_phase_word(host->phase),
                       host->status - 256);
    } else if (!host->said_end) {
        host->code = ERR_INTERNAL;
        action_record(host,
                      "action '%s' ended in %s without saying how "
                      "(status %d); ask the plugin's vendor",
                      name, action_phase_word(host->phase), host->status);
    } else if (host->code < 0) {
        action_record(host,
                      "action '%s' failed in %s (%s) and gave no reason; "
                      "ask the plugin's vendor",
                      name, action_phase_word(host->phase),
                      err_word(host->code));
    } else {
        host->sentence[0] = '\0'; /* it got over what was refused to it */
    }
}

/* The plugin's result with the host's own findings beside it, which win.  A
 * new reference. */
static json_t *compose_result(struct action_host *host)
{
    json_t *result = host->result ? json_incref(host->result) : json_object();

    if (json_array_size(host->images) > 0)
        (void)json_object_set(result, "images", host->images);
    if (json_array_size(host->personalised) > 0)
        (void)json_object_set(result, "personalised", host->personalised);
    if (json_array_size(host->grown) > 0)
        (void)json_object_set(result, "grown", host->grown);
    AUTO_FREE char *text = json_text(result);
    if (text && strlen(text) <= MESSAGE_MAX_RESULT_BYTES)
        return result;
    /* A report that no server takes would end the session. */
    json_decref(result);
    if (host->code == 0) {
        host->code = ERR_TOO_BIG;
        action_record(host,
                      "the result of step '%s' is longer than %d bytes and "
                      "cannot be reported",
                      host->step->action, MESSAGE_MAX_RESULT_BYTES);
    }
    return json_object();
}

static void finish(struct action_host *host)
{
    loop_timer_cancel(host->killer);
    host->killer = NULL;
    if (host->phase == ACTION_ENDED)
        return;
    action_stop_images(host);
    action_stop_personalise(host);
    explain_end(host);
    AUTO_JSON *result = compose_result(host);
    struct action_end end = {
        .code = host->code,
        .disk = host->last_disk,
        .has_disk = host->has_last_disk,
    };
    if (host->code == SLIPWAY_ENOTAPPLICABLE && host->phase == ACTION_PROBE &&
        host->said_end) {
        end.code = 0;
        end.skipped = true;
        action_record(host, "there was nothing to do on this machine");
    }
    host->phase = ACTION_ENDED;
    end.sentence = host->sentence;
    end.result = result;
    host->handlers.done(host->arg, &end);
}

static void on_child_ended(void *arg, int status, bool timed_out)
{
    struct action_host *host = arg;

    host->child_gone = true;
    host->status = status;
    host->timed_out = timed_out;
    if (!host->channel || channel_drain(host->channel))
        finish(host);
}

static void on_channel_closed(void *arg, const char *why)
{
    struct action_host *host = arg;

    (void)why; /* how the process ended says more */
    channel_free(host->channel);
    host->channel = NULL;
    if (host->child_gone)
        finish(host);
    else
        child_signal(host->child, SIGKILL);
}

/* ---- start ---- */

static int send_start(struct action_host *host, struct err *err)
{
    char hex[DIGEST_HEX_BYTES];
    uint64_t timeout_ms = time_limit_ms(host);
    AUTO_JSON *start = json_pack(
        "{s:s, s:O?, s:I}", "digest", digest_hex(&host->step->plugin, hex),
        "with", host->step->with, "timeout_ms", (json_int_t)timeout_ms);
    AUTO_FREE char *text = start ? json_text(start) : NULL;
    AUTO_CLOSE int text_fd = -1;

    if (!text)
        return err_set(err, ERR_NO_MEMORY, "not enough memory for a step");
    text_fd = action_text_fd(text, strlen(text), err);
    if (text_fd < 0)
        return ERR_INTERNAL;
    int fds[2] = {text_fd, host->spec.plugin_fd};
    return channel_send(host->channel, json_pack("{s:b}", "start", 1), NULL, 0,
                        fds, 2, err);
}

static int start_child(struct action_host *host, struct err *err)
{
    static const struct channel_handlers handlers = {action_on_message,
                                                     on_channel_closed};
    const char *argv[] = {"/proc/self/exe", "action", host->step->action, NULL};
    int pair[2] = {-1, -1};

    if (channel_pair(pair, err) < 0)
        return ERR_IO;
    struct child_spec spec = {
        .argv = argv,
        .keep_fds = &pair[1],
        .keep_fd_count = 1,
        .stdin_fd = -1,
        .stdout_fd = STDERR_FILENO, /* standard output may be a report */
        .stderr_fd = -1,
        .timeout_ms = time_limit_ms(host),
        .own_group = true,
    };
    host->channel = channel_new(host->spec.loop, pair[0], CHANNEL_QUEUE,
                                &handlers, host, err);
    if (host->channel)
        host->child =
            child_start(host->spec.loop, &spec, on_child_ended, host, err);
    (void)close(pair[1]); /* the child has its own */
    if (!host->child)
        return err ? err->code : ERR_IO;
    return send_start(host, err);
}

struct action_host *action_host_start(const struct action_spec *spec,
                                      const struct action_handlers *handlers,
                                      void *arg, struct err *err)
{
    struct action_host *host = calloc(1, sizeof(*host));

    if (host) {
        host->spec = *spec;
        host->step = &spec->plan->steps[spec->step];
        host->handlers = *handlers;
        host->arg = arg;
        host->device_fd = -1;
        host->images = json_array();
        host->personalised = json_array();
        host->grown = json_array();
        host->disk_count = spec->target->disks.count;
        host->disks = calloc(host->disk_count + 1, sizeof(*host->disks));
    }
    if (!host || !host->images || !host->personalised || !host->grown ||
        !host->disks) {
        if (!host)
            (void)close(spec->plugin_fd); /* it was only read */
        (void)err_set(err, ERR_NO_MEMORY, "not enough memory for a step");
        action_host_free(host);
        return NULL;
    }
    if (start_child(host, err) < 0) {
        (void)err_prefix(err,
                         "step '%s' cannot be started: ", host->step->action);
        action_host_free(host);
        return NULL;
    }
    return host;
}

static void on_cancel_grace_over(void *arg)
{
    struct action_host *host = arg;

    host->killer = NULL;
    if (!host->child_gone)
        child_signal(host->child, SIGKILL);
}

void action_host_cancel(struct action_host *host)
{
    if (host->cancelled || host->phase == ACTION_ENDED)
        return;
    host->cancelled = true;
    bool waiting = host->pipeline || host->personalise || host->manifest_fetch;
    action_stop_images(host);
    action_stop_personalise(host);
    if (waiting && host->busy)
        action_reply(host, SLIPWAY_ECANCELLED, NULL, -1);
    host->killer = loop_timer(host->spec.loop, CANCEL_GRACE_MS,
                              on_cancel_grace_over, host);
}

void action_host_free(struct action_host *host)
{
    if (!host)
        return;
    action_stop_images(host);
    action_stop_personalise(host);
    loop_timer_cancel(host->killer);
    child_free(host->child);
    channel_free(host->channel);
    if (host->spec.plugin_fd >= 0)
        (void)close(host->spec.plugin_fd); /* it was only read */
    for (size_t i = 0; i < PLAN_MAX_IMAGES; i++) {
        if (host->contents[i])
            buf_done(&host->contents[i]->text);
        free(host->contents[i]);
    }
    json_decref(host->result);
    json_decref(host->images);
    json_decref(host->personalised);
    json_decref(host->grown);
    free(host->disks);
    free(host);
}
