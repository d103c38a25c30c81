/* SPDX-License-Identifier: Apache-2.0 */
#include "core/server/boot/publish-script.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "core/server/boot/publish.h"
#include "core/util/buf.h"
#include "core/util/file.h"

/* A text while its plugin writes it. */
struct rendering {
    struct server *server;
    struct buf text;
    char reason[160]; /* of fail() */
};

static const char *script_engine_file(const struct slipway_boot_writer *writer,
                                      const char *machine, const char *role)
{
    const struct rendering *rendering = writer->private_data;
    return publish_engine_file(rendering->server, machine, role);
}

static const char *
script_command_line(const struct slipway_boot_writer *writer,
                    const char *machine)
{
    const struct rendering *rendering = writer->private_data;
    return publish_engine_command_line(rendering->server, machine);
}

static int script_text(const struct slipway_boot_writer *writer,
                       const char *text)
{
    struct rendering *rendering = writer->private_data;
    return buf_append(&rendering->text, text, strlen(text)) ? SLIPWAY_ENOSPACE
                                                            : SLIPWAY_OK;
}

static int script_fail(const struct slipway_boot_writer *writer, int code,
                       const char *sentence)
{
    struct rendering *rendering = writer->private_data;
    if (rendering->reason[0] == '\0')
        (void)snprintf(rendering->reason, sizeof(rendering->reason), "%s",
                       sentence);
    return code;
}

static int render(struct rendering *rendering,
                  const struct slipway_arch_plugin *arch, const char *name)
{
    const struct slipway_boot_writer writer = {
        .size = sizeof(writer),
        .private_data = rendering,
        /* `option`, `boot_file` and `label` stay absent: nobody asks. */
        .engine_file = script_engine_file,
        .text = script_text,
        .fail = script_fail,
        .engine_command_line = script_command_line,
    };
    return arch->render(name, &writer);
}

/* Keeps the text under its digest and puts it into the table. */
static int publish_text(struct server *server, const struct buf *text,
                        const char *name, struct err *err)
{
    struct boot_file file = {.root = BOOT_ROOT_STATE, .length = text->length};
    (void)snprintf(file.name, sizeof(file.name), "%s", name);
    digest_of(text->data, text->length, &file.digest);
    (void)digest_hex(&file.digest, file.path);
    int code = file_write(published_folder(server), file.path, text->data,
                          text->length, 0644, err);
    return code ? code : boot_table_put(server->boot_table, &file, err);
}

int publish_rendered(struct server *server, const struct registry_entry *entry,
                     const char *name, struct err *err)
{
    struct rendering rendering = {
        .server = server,
        .text = BUF_INIT(SCRIPT_MAX_BYTES),
    };
    int code = ERR_INTERNAL;
    if (entry->plugin) /* otherwise it said at its enabling what is wrong */
        code = render(&rendering, &entry->plugin->as.arch, name);
    if (code == 0) {
        code = publish_text(server, &rendering.text, name, err);
    } else {
        (void)boot_table_remove(server->boot_table, name);
        if (code == SLIPWAY_ENOTAPPLICABLE || !entry->plugin)
            code = 0;
        else
            code = err_set(err, ERR_INVALID,
                           "the boot file '%s' cannot be rendered: %s", name,
                           rendering.reason[0] ? rendering.reason
                                               : err_word(code));
    }
    buf_done(&rendering.text);
    return code;
}
