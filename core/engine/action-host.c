/* SPDX-License-Identifier: Apache-2.0 */
/* The life of the action process, and the calls that need no device. */
#include "core/engine/action-host.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/engine/action-host-parts.h"
#include "core/util/json.h"
#include "core/util/log.h"

#define STEP_TIMEOUT_DEFAULT_MS (60u * 60 * 1000)
#define CHANNEL_QUEUE 64
#define GRACE_MS 2000
#define CANCEL_GRACE_MS 10000
#define MAX_LINES 500

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
                       "ask the plugin's vendor", name,
                       (unsigned long long)(host->step->timeout_ms / 1000));
    } else if (!host->said_end && host->status >= 256) {
        host->code = ERR_INTERNAL;
        (void)snprintf(host->sentence, sizeof(host->sentence),
                       "action '%s' crashed in %s (signal %d); ask the "
                       "plugin's vendor", name, action_phase_word(host->phase),
                       host->status - 256);
    } else if (!host->said_end) {
        host->code = ERR_INTERNAL;
        action_record(host, "action '%s' ended in %s without saying how "
                      "(status %d); ask the plugin's vendor", name,
                      action_phase_word(host->phase), host->status);
    } else if (host->code < 0) {
        action_record(host, "action '%s' failed in %s (%s) and gave no reason; "
                      "ask the plugin's vendor", name,
                      action_phase_word(host->phase), err_word(host->code));
    }
}

static json_t *compose_result(struct action_host *host)
{
    json_t *result = host->result ? json_incref(host->result) : json_object();

    /* The host's own findings stand beside the plugin's and win. */
    if (json_array_size(host->images) > 0)
        (void)json_object_set(result, "images", host->images);
    if (json_array_size(host->personalised) > 0)
        (void)json_object_set(result, "personalised", host->personalised);
    return result;
}

static void finish(struct action_host *host)
{
    loop_timer_cancel(host->grace);
    loop_timer_cancel(host->killer);
    host->grace = NULL;
    host->killer = NULL;
    if (host->phase == ACTION_ENDED)
        return;
    action_stop_images(host);
    action_stop_personalise(host);
    explain_end(host);
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
    AUTO_JSON *result = compose_result(host);
    end.result = result;
    host->handlers.done(host->arg, &end);
}

static void on_grace_over(void *arg)
{
    struct action_host *host = arg;

    host->grace = NULL;
    finish(host);
}

static void on_child_ended(void *arg, int status, bool timed_out)
{
    struct action_host *host = arg;

    host->child_gone = true;
    host->status = status;
    host->timed_out = timed_out;
    /* Its last messages may still be in the channel. */
    if (!host->channel)
        finish(host);
    else
        host->grace = loop_timer(host->spec.loop, GRACE_MS, on_grace_over,
                                 host);
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

/* ---- calls ---- */

static void serve_phase(struct action_host *host, const json_t *head)
{
    const char *word = json_string_value(json_object_get(head, "phase"));
    enum action_phase phase;

    if (!word || action_phase_parse(word, &phase) < 0 ||
        phase <= host->phase || phase >= ACTION_ENDED) {
        action_refuse(host, ERR_INVALID,
                      "action '%s' does not keep to the order of its phases",
                      host->step->action);
        return;
    }
    host->phase = phase;
    action_reply(host, host->cancelled ? SLIPWAY_ECANCELLED : 0, NULL, -1);
}

static void serve_facts(struct action_host *host)
{
    AUTO_FREE char *text = json_text(host->spec.target->facts);

    action_reply_text(host, text);
}

static void serve_result(struct action_host *host, int text_fd)
{
    AUTO_BUF text = BUF_INIT(ACTION_MAX_RESULT_BYTES);
    struct err err = ERR_INIT;

    if (action_text_read(text_fd, &text, &err) < 0) {
        action_refuse(host, err.code, "result of action '%s': %s",
                      host->step->action, err.text);
        return;
    }
    json_t *json = json_parse(buf_text(&text), text.length, text.max, &err);
    if (!json_is_object(json)) {
        json_decref(json);
        action_refuse(host, ERR_INVALID,
                      "the result of action '%s' is not a JSON object: %s",
                      host->step->action, err.text);
        return;
    }
    json_decref(host->result);
    host->result = json;
    action_reply(host, 0, NULL, -1);
}

static void hear_log(struct action_host *host, const json_t *head)
{
    const char *text = json_string_value(json_object_get(head, "text"));
    json_int_t level = json_integer_value(json_object_get(head, "level"));

    if (!text || host->lines > MAX_LINES)
        return;
    if (host->lines++ == MAX_LINES)
        text = "this action writes too many lines; further ones are dropped";
    host->handlers.note(host->arg,
                        (unsigned)MIN(MAX(level, 0), (json_int_t)LOG_DEBUG),
                        text);
}

static void hear_progress(struct action_host *host, const json_t *head)
{
    const char *text = json_string_value(json_object_get(head, "text"));
    json_int_t permille = json_integer_value(json_object_get(head, "permille"));

    action_progress(host, (unsigned)MIN(MAX(permille, 0), (json_int_t)1000),
                    text ? text : "", 0, 0);
}

/* Messages without a reply; false for anything else. */
static bool hear(struct action_host *host, const char *call, const json_t *head)
{
    if (strcmp(call, "log") == 0) {
        hear_log(host, head);
    } else if (strcmp(call, "progress") == 0) {
        hear_progress(host, head);
    } else if (strcmp(call, "fail") == 0) {
        const char *text = json_string_value(json_object_get(head, "sentence"));
        action_record(host, "%s", text ? text : "");
    } else {
        return false;
    }
    return true;
}

static void serve_ended(struct action_host *host, const json_t *head)
{
    json_int_t code = json_integer_value(json_object_get(head, "code"));

    host->said_end = true;
    host->code = code < -100 || code > 0 ? ERR_INTERNAL : (int)code;
    action_reply(host, 0, NULL, -1);
}

static void serve(struct action_host *host, const char *call,
                  const json_t *head, int fd)
{
    if (strcmp(call, "loaded") == 0) {
        host->plugin_flags =
            (uint64_t)json_integer_value(json_object_get(head, "flags"));
        action_reply(host, 0, NULL, -1);
    } else if (strcmp(call, "phase") == 0)
        serve_phase(host, head);
    else if (strcmp(call, "cancelled") == 0)
        action_reply(host, host->cancelled ? 1 : 0, NULL, -1);
    else if (strcmp(call, "ended") == 0)
        serve_ended(host, head);
    else if (host->cancelled)
        action_reply(host, SLIPWAY_ECANCELLED, NULL, -1);
    else if (strcmp(call, "disks") == 0)
        action_serve_disks(host, head);
    else if (strcmp(call, "disk-select") == 0)
        action_serve_select(host, head);
    else if (strcmp(call, "declare") == 0)
        action_serve_declare(host, head);
    else if (strcmp(call, "disk-open") == 0)
        action_serve_open(host, head);
    else if (strcmp(call, "image-facts") == 0)
        action_serve_image_facts(host, head);
    else if (strcmp(call, "image-write") == 0)
        action_serve_image_write(host, head);
    else if (strcmp(call, "image-verify") == 0)
        action_serve_image_verify(host, head);
    else if (strcmp(call, "personalise") == 0)
        action_serve_personalise(host, head, fd);
    else if (strcmp(call, "blob-open") == 0)
        action_serve_blob(host, head);
    else if (strcmp(call, "facts") == 0)
        serve_facts(host);
    else if (strcmp(call, "result") == 0)
        serve_result(host, fd);
    else
        action_refuse(host, ERR_UNSUPPORTED,
                      "action '%s' asks for something that this engine does "
                      "not have", host->step->action);
}

static void on_message(void *arg, struct channel_message *message)
{
    struct action_host *host = arg;
    const char *call =
        json_string_value(json_object_get(message->head, "call"));

    if (!call) {
        action_record(host, "action '%s' sent a damaged message",
                      host->step->action);
        child_signal(host->child, SIGKILL);
        return;
    }
    if (hear(host, call, message->head))
        return;
    if (host->busy || host->said_end) {
        action_record(host, "action '%s' called while a call was under way",
                      host->step->action);
        if (!host->child_gone)
            child_signal(host->child, SIGKILL);
        return;
    }
    host->busy = true;
    serve(host, call, message->head, message->fds[0]);
}

/* ---- start ---- */

static int send_start(struct action_host *host, struct err *err)
{
    char hex[DIGEST_HEX_BYTES];
    uint64_t timeout_ms = host->step->timeout_ms ? host->step->timeout_ms
                                                 : STEP_TIMEOUT_DEFAULT_MS;
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
    static const struct channel_handlers handlers = {on_message,
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
        .timeout_ms = host->step->timeout_ms ? host->step->timeout_ms
                                             : STEP_TIMEOUT_DEFAULT_MS,
        .own_group = true,
    };
    host->channel = channel_new(host->spec.loop, pair[0], CHANNEL_QUEUE,
                                &handlers, host, err);
    if (host->channel)
        host->child = child_start(host->spec.loop, &spec, on_child_ended, host,
                                  err);
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
        host->disk_count = spec->target->disks.count;
        host->disks = calloc(host->disk_count + 1, sizeof(*host->disks));
    }
    if (!host || !host->images || !host->personalised || !host->disks) {
        if (!host)
            (void)close(spec->plugin_fd); /* it was only read */
        (void)err_set(err, ERR_NO_MEMORY, "not enough memory for a step");
        action_host_free(host);
        return NULL;
    }
    if (start_child(host, err) < 0) {
        (void)err_prefix(err, "step '%s' cannot be started: ",
                         host->step->action);
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
    loop_timer_cancel(host->grace);
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
    free(host->disks);
    free(host);
}
