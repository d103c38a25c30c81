/* SPDX-License-Identifier: Apache-2.0 */
/* The boot part of a reply: the arch plugin writes it through a bounded
 * writer, and all of it is sent or nothing. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "core/boot/pxe.h"
#include "core/server/dhcp/dhcp-internal.h"

enum { PART_BYTES = 512, FILE_NAME_BYTES = 128 };

struct boot_part {
    struct exchange *x;
    uint8_t options[PART_BYTES]; /* code, length, value */
    size_t length;
    bool written[256]; /* by code */
    char file[FILE_NAME_BYTES];
    char reason[160]; /* of fail() */
};

/* Options that are the server's own business, whatever a plugin thinks. */
static bool host_option(uint32_t code)
{
    return code == OPTION_PAD || code >= OPTION_END ||
           (code >= 1 && code <= 3) || code == OPTION_DNS ||
           code == OPTION_DOMAIN || (code >= 50 && code <= 59) ||
           code == OPTION_CLIENT_ID || code == OPTION_BOOT_FILE ||
           code == OPTION_RELAY || code == OPTION_MACHINE_ID;
}

static int part_option(const struct slipway_boot_writer *writer, uint32_t code,
                       const void *data, uint64_t length)
{
    struct boot_part *part = writer->private_data;
    if (host_option(code) || part->written[code] || length > 255)
        return SLIPWAY_EINVAL;
    if (part->length + 2 + length > sizeof(part->options))
        return SLIPWAY_ENOSPACE;
    uint8_t *at = part->options + part->length;
    at[0] = (uint8_t)code;
    at[1] = (uint8_t)length;
    if (length > 0)
        memcpy(at + 2, data, length);
    part->length += 2 + length;
    part->written[code] = true;
    return SLIPWAY_OK;
}

static int part_boot_file(const struct slipway_boot_writer *writer,
                          const char *name)
{
    struct boot_part *part = writer->private_data;
    size_t length = strlen(name);
    if (length == 0)
        return SLIPWAY_EINVAL;
    if (length >= sizeof(part->file))
        return SLIPWAY_ENOSPACE;
    memcpy(part->file, name, length + 1);
    return SLIPWAY_OK;
}

static const char *part_engine_file(const struct slipway_boot_writer *writer,
                                    const char *machine, const char *role)
{
    const struct boot_part *part = writer->private_data;
    const struct dhcp_policy *p = &part->x->dhcp->policy;
    return p->engine_file(p->arg, machine, role);
}

static const char *part_label(const struct slipway_boot_writer *writer,
                              const char *name)
{
    const struct boot_part *part = writer->private_data;
    const struct dhcp_policy *p = &part->x->dhcp->policy;
    const char *host_id = part->x->decision.host_id;
    return *host_id ? p->host_label(p->arg, host_id, name) : NULL;
}

static int part_fail(const struct slipway_boot_writer *writer, int code,
                     const char *sentence)
{
    struct boot_part *part = writer->private_data;
    if (part->reason[0] == '\0')
        (void)snprintf(part->reason, sizeof(part->reason), "%s", sentence);
    return code;
}

static int ask_plugin(struct exchange *x, struct boot_part *part)
{
    char address[INET_ADDRSTRLEN];
    char http_base[sizeof("http://:65535") + INET_ADDRSTRLEN];
    (void)inet_ntop(AF_INET, &x->own, address, sizeof(address));
    (void)snprintf(http_base, sizeof(http_base), "http://%s:%u", address,
                   x->dhcp->config.http_port);
    const struct slipway_boot_intent intent = {
        .size = sizeof(intent),
        .intent = x->decision.intent,
        .attempt = x->decision.attempt,
        .server_address = address,
        .http_base = http_base,
    };
    const struct slipway_boot_writer writer = {
        .size = sizeof(writer),
        .private_data = part,
        .option = part_option,
        .boot_file = part_boot_file,
        .engine_file = part_engine_file,
        /* `text` and `engine_command_line` stay absent: those are for
         * rendering. */
        .fail = part_fail,
        .label = part_label,
    };
    memset(part, 0, sizeof(*part));
    part->x = x;
    return x->arch->answer(&x->client.request, &intent, &writer);
}

/* A request for one item of a boot menu gets that item back, in place of the
 * plugin's own option 43. */
static void put_vendor(struct exchange *x, struct packet_writer *w,
                       const uint8_t *value, size_t length)
{
    uint16_t type;
    uint16_t layer;
    if (!x->on_pxe_port || !pxe_boot_item(&x->packet, &type, &layer)) {
        (void)packet_put(w, OPTION_VENDOR, value, length);
        return;
    }
    const uint8_t item[] = {PXE_TAG_BOOT_ITEM,
                            4,
                            (uint8_t)(type >> 8),
                            (uint8_t)type,
                            (uint8_t)(layer >> 8),
                            (uint8_t)layer,
                            OPTION_END};
    (void)packet_put(w, OPTION_VENDOR, item, sizeof(item));
}

/* `pointer`: the file and how to load it come on port 4011; an option 43 or a
 * file name here would keep the firmware from asking there. */
static void put_part(struct exchange *x, struct dhcp_reply *reply,
                     const struct boot_part *part, bool pointer)
{
    struct packet_writer *w = &reply->writer;
    packet_set_siaddr(w, x->own);
    for (size_t at = 0; at < part->length;) {
        uint8_t code = part->options[at];
        uint8_t length = part->options[at + 1];
        const uint8_t *value = part->options + at + 2;
        if (code == OPTION_VENDOR && !pointer)
            put_vendor(x, w, value, length);
        else if (code != OPTION_VENDOR)
            (void)packet_put(w, code, value, length);
        at += 2u + length;
    }
    if (part->file[0] && !pointer)
        (void)packet_put_boot_file(w, part->file);
}

static const char *intent_word(uint32_t intent)
{
    switch (intent) {
    case 0:
        return "none";
    case SLIPWAY_INTENT_LOCAL:
        return "local boot";
    case SLIPWAY_INTENT_ENGINE:
        return "engine";
    default:
        return "menu";
    }
}

bool reply_put_boot(struct exchange *x, struct dhcp_reply *reply)
{
    struct boot_part part;
    if (!x->firmware)
        return false;
    if (x->decision.intent == 0) {
        reply_note(reply, "no boot answer: %s", x->decision.reason);
        return false;
    }
    int code = ask_plugin(x, &part);
    if (code) {
        reply_note(reply, "no boot answer: %s says %s", x->arch->name,
                   part.reason[0] ? part.reason : err_word(code));
        return false;
    }
    bool pointer = proxy_points_to_boot_server(x);
    put_part(x, reply, &part, pointer);
    reply_note(reply, "%s '%s'%s (%s) because %s",
               intent_word(x->decision.intent), part.file,
               pointer ? " on port 4011" : "", x->arch->name,
               x->decision.reason);
    return true;
}

void dhcp_tell_boot(struct exchange *x, const char *address,
                    uint64_t *last_ms)
{
    struct dhcp *d = x->dhcp;
    bool loader = strcmp(x->client.user_class, CLIENT_LOADER_CLASS) == 0;
    bool stranger = x->decision.host_id[0] == '\0';
    if (!x->firmware || loader || !dhcp_due(d, last_ms, TELL_BOOT_MS))
        return;
    if (stranger && !allowance_take(&d->strangers_told, loop_now_ms(d->loop),
                                    STRANGERS_PER_S, 1000))
        return;
    dhcp_event(d, "host-boot",
               json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "mac",
                         x->client.mac, "uuid", x->client.uuid, "arch",
                         x->arch ? x->arch->name : "", "host",
                         x->decision.host_id, "host_name",
                         x->decision.host_name, "address", address, "answer",
                         intent_word(x->decision.intent), "reason",
                         x->decision.reason));
}
