/* SPDX-License-Identifier: Apache-2.0 */
/* The calls of the action process: which there are, and those that need no
 * device. */
#include <net/if.h>
#include <signal.h>
#include <string.h>

#include "core/engine/actions/action-host-parts.h"
#include "core/engine/net/lldp.h"
#include "core/util/json.h"
#include "core/util/log.h"

#define MAX_LINES 500

static void serve_phase(struct action_host *host, const json_t *head)
{
    const char *word = json_string_value(json_object_get(head, "phase"));
    enum action_phase phase;

    if (!word || action_phase_parse(word, &phase) < 0 || phase <= host->phase ||
        phase >= ACTION_ENDED) {
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

/* A port that cannot be listened on is a gap in an inventory and no reason
 * for a step to fail, so there is a code and no sentence. */
static void serve_lldp(struct action_host *host, const json_t *head)
{
    const char *port = json_string_value(json_object_get(head, "port"));
    const struct target *target = host->spec.target;
    struct err err = ERR_INIT;
    AUTO_CLOSE int own = -1;
    int fd = -1;

    if (host->phase != ACTION_RUN || !port) {
        action_refuse(host, ERR_INVALID,
                      "action '%s' listens on a port in %s; only run may",
                      host->step->action, action_phase_word(host->phase));
        return;
    }
    if (target->net)
        fd = net_lldp(target->net, port);
    else
        fd = own = lldp_listen(if_nametoindex(port), &err);
    if (fd < 0) {
        log_debug("no LLDP on port '%s': %s", port, err.text);
        action_reply(host, SLIPWAY_EUNSUPPORTED, NULL, -1);
        return;
    }
    action_reply(host, 0, NULL, fd);
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
    host->handlers.note(
        host->arg, (unsigned)MIN(MAX(level, 0), (json_int_t)LOG_DEBUG), text);
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
    else if (strcmp(call, "disk-grow") == 0)
        action_serve_grow(host, head);
    else if (strcmp(call, "blob-open") == 0)
        action_serve_blob(host, head);
    else if (strcmp(call, "lldp-open") == 0)
        serve_lldp(host, head);
    else if (strcmp(call, "facts") == 0)
        serve_facts(host);
    else if (strcmp(call, "result") == 0)
        serve_result(host, fd);
    else
        action_refuse(host, ERR_UNSUPPORTED,
                      "action '%s' asks for something that this engine does "
                      "not have",
                      host->step->action);
}

void action_on_message(void *arg, struct channel_message *message)
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
