/* SPDX-License-Identifier: Apache-2.0 */
#include "core/server/http/door-file.h"

#include <stdio.h>
#include <string.h>

#include "core/util/log.h"

static const char *media_type(const char *name)
{
    static const struct {
        const char *ending;
        const char *type;
    } types[] = {
        {".efi", "application/efi"},
        {".ipxe", "text/plain; charset=utf-8"},
        {".json", "application/json"},
        {".txt", "text/plain; charset=utf-8"},
    };
    size_t length = strlen(name);

    for (size_t i = 0; i < ARRAY_LENGTH(types); i++) {
        size_t ending = strlen(types[i].ending);

        if (length > ending &&
            strcmp(name + length - ending, types[i].ending) == 0)
            return types[i].type;
    }
    return "application/octet-stream";
}

void door_file_find(const struct boot_table *table, const int roots[BOOT_ROOTS],
                    const char *name, struct http_file *ret)
{
    const struct boot_file *file = boot_table_find(table, name);
    struct err err = ERR_INIT;
    char hex[DIGEST_HEX_BYTES];

    if (!file)
        return;
    ret->fd = boot_file_open(file, roots, &err);
    if (ret->fd < 0) {
        log_error("%s", err.text);
        ret->fd = -1;
        ret->status = 500;
        ret->text = "The file is published but cannot be read; "
                    "the server's log says why.\n";
        return;
    }
    ret->status = 200;
    ret->length = file->length;
    ret->type = media_type(file->name);
    ret->immutable = file->immutable;
    (void)snprintf(ret->etag, sizeof(ret->etag), "%s",
                   digest_hex(&file->digest, hex));
}

json_t *door_file_event(const char *name, enum http_sending_state state,
                        const struct http_sending *sending)
{
    static const char *const events[] = {
        [HTTP_SENDING_BEGINS] = "transfer-started",
        [HTTP_SENDING_DONE] = "transfer-done",
        [HTTP_SENDING_BROKEN] = "transfer-failed",
    };
    char address[ADDRESS_TEXT_BYTES];
    json_t *event = json_pack(
        "{s:s, s:s, s:s, s:I, s:I, s:I}", "event", events[state], "name", name,
        "address", endpoint_address(&sending->peer, address), "bytes_done",
        state == HTTP_SENDING_DONE ? (json_int_t)sending->length : 0,
        "bytes_total", (json_int_t)sending->length, "ms",
        (json_int_t)sending->ms);
    /* Short of memory the event is told without it. */
    if (event && state == HTTP_SENDING_BROKEN)
        (void)json_object_set_new(event, "reason",
                                  json_string("the connection ended"));
    return event;
}
