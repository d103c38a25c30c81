/* SPDX-License-Identifier: Apache-2.0 */
/* What events mean and say: see event-text.h. */
#include "core/server/event-text.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/util/macros.h"

static const struct event_explanation explanations[] = {
    {"server-started", "slipwayd is ready", "the server is ready"},
    {"gap", "events that the follower asked for are no longer kept",
     "events are missing[: {reason}]"},
    {"server-stopping", "slipwayd was asked to stop", "the server stops"},
    {"host-unknown", "a machine that nobody registered asked to boot",
     "machine {mac} asked to boot and is not registered[ ({arch})]"},
    {"host-created", "a machine was registered",
     "host '{host_name}' was registered"},
    {"host-changed", "a machine's name, labels, tier or reservation changed",
     "host '{host_name}' was changed"},
    {"host-deleted", "a machine was forgotten",
     "host '{host_name}' was deleted"},
    {"host-boot", "the firmware of a machine was answered",
     "machine {mac} is told to boot: {answer}[, for {reason}]"},
    {"host-boot-loop", "a machine boots again and again within seconds",
     "host '{host_name}' ({mac}) has started its disk {boots} times within "
     "minutes: look whether its system starts"},
    {"identity-conflict",
     "MAC address and UUID of a machine point at different hosts",
     "MAC {mac} is host '{host}', UUID {uuid} is host '{other_host}': one of "
     "the two registrations is wrong"},
    {"pool-exhausted", "no address is left for a DHCP client",
     "no address is left for {mac} in the network of {server}"},
    {"address-conflict",
     "a machine uses an address that it was not given here",
     "{address} is in use[ by {holder_mac}], found by {how}; it is not given "
     "to anybody for {quarantine_s} s"},
    {"lease-log-failed",
     "DHCP clients get no answer: the lease log cannot be written",
     "the lease log cannot be written, clients get no answer: {reason}"},
    {"plugin-enabled", "a plugin was enabled",
     "{kind} plugin '{plugin}' was enabled[ by {by}]"},
    {"plugin-disabled", "a plugin was disabled",
     "{kind} plugin '{plugin}' was disabled[ by {by}]"},
    {"plugin-refused", "an enabled plugin could not be loaded", NULL},
    {"engine-published", "a new engine build is served",
     "machines of kind {machine} load a new engine build"},
    {"image-import", "an import made progress",
     "image '{name}': {done_bytes} bytes are imported[ of {size_bytes}]"},
    {"image-imported", "an image is complete", "image '{image}' is complete"},
    {"image-interrupted", "an upload ended early; what came is kept", NULL},
    {"image-failed", "an import ended without an image", NULL},
    {"care-ended", "verifying or collecting images came to an end",
     "{kind} {id}: {state}"},
    {"image-damaged", "verifying found damage in what is stored of an image",
     "image '{image}' is damaged[: {message}]"},
    {"image-deleted", "an image was deleted", "image '{image}' was deleted"},
    {"profile-changed", "a profile was created, replaced or deleted",
     "profile '{profile}' was created, replaced or deleted"},
    {"secret-changed", "a secret was set or deleted",
     "secret '{secret}' was set or deleted"},
    {"token-created", "a REST token was made", "token {token} was made"},
    {"token-deleted", "a REST token was revoked", "token {token} was revoked"},
    {"task-state", "a task went into another state",
     "the task of host '{host_name}' is {state}[: {sentence}]"},
    {"task-progress", "bytes and permille of a step; not state",
     "host '{host_name}': {permille} permille of the step[, {text}]"},
    {"task-step", "a step of a task began or ended",
     "host '{host_name}' is at step '{action}'[: {sentence}]"},
    {"batch-created", "tasks were started for several machines",
     "profile '{profile}' was started on {hosts} hosts"},
    {"session-opened", "an engine connected",
     "the engine of host '{host_name}' is connected"},
    {"session-pending", "an engine waits for its code to be approved",
     "the engine of host '{host_name}' shows a code and waits for approval"},
    {"session-approved", "an engine's code was approved",
     "the engine of host '{host_name}' was approved[ by {by}]"},
    {"enrol-opened", "unknown machines load the engine from now on",
     "unknown machines load the engine[, said {by}]"},
    {"enrol-closed", "unknown machines boot their disk again",
     "unknown machines boot their disk[, said {by}]"},
    {"enrol-waiting", "an unknown machine shows a code",
     "an unknown machine shows a code and waits for approval"},
    {"enrol-approved", "an unknown machine was made a host by its code",
     "an unknown machine was made host '{host_name}'[ by {by}]"},
    {"session-lost", "an engine was not heard of for too long",
     "the engine of host '{host_name}' is lost[: {sentence}]"},
    {"ticket-limit", "a machine asked for too many boot tickets",
     "host '{host_name}' at {address} asked for too many boot tickets"},
    {"ticket-refused", "an engine showed a boot ticket that is not its own",
     "a boot ticket was refused to {address}[: {sentence}]"},
    {"ticket-alarm", "a boot ticket was used with two keys; both are frozen",
     "a boot ticket of host '{host_name}' was used with two keys, the second "
     "from {address}; both are frozen"},
    {"engine-log", "a console line of an engine worth keeping",
     "host '{host_name}': {text}"},
    {"transfer-started", "a boot file is being sent",
     "{address} loads '{name}'"},
    {"transfer-progress", "a boot file is being sent: how far",
     "{address} loads '{name}': {bytes_done} of {bytes_total} bytes"},
    {"transfer-done", "a boot file was sent",
     "{address} has loaded '{name}'[, {bytes_total} bytes][ in {ms} ms]"},
    {"transfer-failed", "a boot file could not be sent",
     "{address} has not loaded '{name}'[: {reason}]"},
    {"worker-started", "a worker process runs", "worker '{worker}' runs"},
    {"worker-died", "a worker process ended unexpectedly",
     "worker '{worker}' {message}"},
};

const struct event_explanation *event_explanations(size_t *ret_count)
{
    *ret_count = ARRAY_LENGTH(explanations);
    return explanations;
}

const struct event_explanation *event_explain(const char *id)
{
    for (size_t i = 0; i < ARRAY_LENGTH(explanations); i++)
        if (strcmp(explanations[i].id, id) == 0)
            return &explanations[i];
    return NULL;
}

/* ---- sentences ---- */

struct sentence {
    const json_t *event;
    char *out;
    size_t used;
    size_t room; /* 0: it is full, nothing more is put */
};

static void put(struct sentence *s, const char *text, size_t length)
{
    size_t fits = MIN(length, s->room);
    while (fits < length && fits && ((unsigned char)text[fits] & 0xc0) == 0x80)
        fits--; /* no half of a character of UTF-8 */
    s->room = fits < length ? 0 : s->room - fits;
    memcpy(s->out + s->used, text, fits);
    s->used += fits;
    s->out[s->used] = '\0';
}

/* False when the event has it not, or empty. */
static bool put_member(struct sentence *s, const char *name, size_t length)
{
    const json_t *value = json_object_getn(s->event, name, length);
    char number[24];
    const char *text = json_string_value(value);
    if (json_is_integer(value)) {
        (void)snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT,
                       json_integer_value(value));
        text = number;
    }
    if (!text || !*text)
        return false;
    put(s, text, strlen(text));
    return true;
}

/* Text up to `end`; false when a member of it is missing. */
static bool put_part(struct sentence *s, const char *at, const char *end)
{
    while (at < end) {
        size_t plain = strcspn(at, "{");
        plain = MIN(plain, (size_t)(end - at));
        put(s, at, plain);
        at += plain;
        if (at == end)
            break;
        size_t name = strcspn(at, "}");
        if (!put_member(s, at + 1, name - 1))
            return false;
        at += name + 1;
    }
    return true;
}

static bool compose(struct sentence *s, const char *at)
{
    while (*at) {
        size_t plain = strcspn(at, "[");
        if (!put_part(s, at, at + plain))
            return false;
        at += plain;
        if (!*at)
            break;
        size_t optional = strcspn(at, "]");
        struct sentence before = *s;
        if (!put_part(s, at + 1, at + optional)) {
            *s = before;
            s->out[s->used] = '\0';
        }
        at += optional + 1;
    }
    return true;
}

void event_sentence(const char *id, const json_t *event,
                    char out[EVENT_SENTENCE_BYTES])
{
    const struct event_explanation *known = event_explain(id);
    struct sentence s = {
        .event = event, .out = out, .room = EVENT_SENTENCE_BYTES - 1};
    out[0] = '\0';
    if (known && known->sentence && compose(&s, known->sentence))
        return;
    (void)snprintf(out, EVENT_SENTENCE_BYTES, "%s", known ? known->text : id);
}
