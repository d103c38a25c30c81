/* SPDX-License-Identifier: Apache-2.0 */
/* The action process's side of each host service: mostly one call to PID 1. */
#include <stdio.h>
#include <string.h>

#include "core/engine/actions/action-process.h"
#include "core/util/json.h"

#define LOG_TEXT_BYTES 1024
#define FILE_STRIDE_MAX 4096 /* of a plugin that is newer than this engine */

static struct action_process *self(const struct slipway_action_host *host)
{
    return host->private_data;
}

/* The name by which PID 1 knows parameter `index`; NULL after failing. */
static const char *param_name(struct action_process *process, uint64_t index)
{
    if (index < process->table.count)
        return process->table.items[index].name;
    (void)action_fail(process, SLIPWAY_EINVAL,
                      "the plugin asked for parameter %llu and declares %zu",
                      (unsigned long long)index, process->table.count);
    return NULL;
}

/* Texts of plugins travel in JSON: what is not UTF-8 becomes '?'. */
static json_t *safe_text(const char *text)
{
    char copy[LOG_TEXT_BYTES];
    json_t *value;

    (void)snprintf(copy, sizeof(copy), "%s", text ? text : "");
    value = json_string(copy);
    if (value)
        return value;
    for (char *at = copy; *at; at++)
        if ((unsigned char)*at >= 0x80)
            *at = '?';
    return json_string(copy);
}

static void serve_log(const struct slipway_action_host *host, uint32_t level,
                      const char *text)
{
    action_tell(self(host), json_pack("{s:s, s:i, s:o}", "call", "log", "level",
                                      (int)MIN(level, SLIPWAY_LOG_DEBUG),
                                      "text", safe_text(text)));
}

static void serve_progress(const struct slipway_action_host *host,
                           uint32_t permille, const char *text)
{
    action_tell(self(host),
                json_pack("{s:s, s:i, s:o}", "call", "progress", "permille",
                          (int)MIN(permille, 1000u), "text", safe_text(text)));
}

static int serve_fail(const struct slipway_action_host *host, int code,
                      const char *sentence)
{
    action_tell(self(host), json_pack("{s:s, s:i, s:o}", "call", "fail", "code",
                                      code, "sentence", safe_text(sentence)));
    return code;
}

static int serve_cancelled(const struct slipway_action_host *host)
{
    return action_call_simple(self(host),
                              json_pack("{s:s}", "call", "cancelled"), NULL);
}

static uint64_t serve_now_ms(const struct slipway_action_host *host)
{
    (void)host;
    return action_now_ms();
}

static void *serve_alloc(const struct slipway_action_host *host,
                         uint64_t length)
{
    return action_alloc(self(host), length);
}

static const char *serve_param_text(const struct slipway_action_host *host,
                                    uint64_t index)
{
    struct action_process *process = self(host);

    if (!param_name(process, index))
        return NULL;
    return param_values_text(process->values, (size_t)index);
}

static int serve_param_number(const struct slipway_action_host *host,
                              uint64_t index, uint64_t *ret_value)
{
    struct action_process *process = self(host);

    if (!param_name(process, index))
        return SLIPWAY_EINVAL;
    return param_values_number(process->values, (size_t)index, ret_value) < 0
               ? SLIPWAY_EINVAL
               : 0;
}

/* A call whose reply is a text: copied into the arena. */
static int call_text(struct action_process *process, json_t *head,
                     const char **ret_text)
{
    struct channel_message reply = {.head = NULL, .fds = {-1, -1, -1, -1}};
    AUTO_BUF text = BUF_INIT(ACTION_MAX_TEXT_BYTES);
    struct err err = ERR_INIT;
    int code = action_call(process, head, NULL, &reply);

    if (code == 0 && action_text_read(reply.fds[0], &text, &err) < 0)
        code = action_fail(process, SLIPWAY_EINTERNAL, "%s", err.text);
    channel_message_done(&reply);
    if (code != 0)
        return code;
    char *copy = action_alloc(process, text.length + 1);
    if (!copy)
        return action_fail(process, SLIPWAY_EINTERNAL,
                           "not enough memory for the engine's reply");
    memcpy(copy, buf_text(&text), text.length);
    *ret_text = copy;
    return 0;
}

static const char *keep_text(struct action_process *process,
                             const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    size_t length = text ? strlen(text) : 0;
    char *copy = action_alloc(process, length + 1);

    if (copy && text)
        memcpy(copy, text, length);
    return copy ? copy : "";
}

static uint64_t number_of(const json_t *object, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(object, key));
}

static void fill_disk(struct action_process *process, const json_t *from,
                      struct slipway_disk *disk)
{
    disk->size = sizeof(*disk);
    disk->id = number_of(from, "id");
    disk->size_bytes = number_of(from, "size_bytes");
    disk->flags = number_of(from, "flags");
    disk->logical_sector_bytes =
        (uint32_t)number_of(from, "logical_sector_bytes");
    disk->physical_sector_bytes =
        (uint32_t)number_of(from, "physical_sector_bytes");
    disk->name = keep_text(process, from, "name");
    disk->serial = keep_text(process, from, "serial");
    disk->model = keep_text(process, from, "model");
    disk->wwn = keep_text(process, from, "wwn");
    disk->path = keep_text(process, from, "path");
    disk->transport = keep_text(process, from, "transport");
}

static int load_disks(struct action_process *process)
{
    const char *text = "";
    size_t index;
    json_t *entry;

    if (process->disks)
        return 0;
    int code = call_text(process, json_pack("{s:s}", "call", "disks"), &text);
    if (code != 0)
        return code;
    AUTO_JSON *list = json_loads(text, 0, NULL);
    size_t count = json_array_size(list);
    process->disks =
        action_alloc(process, (count + 1) * sizeof(*process->disks));
    if (!process->disks)
        return action_fail(process, SLIPWAY_EINTERNAL,
                           "not enough memory for the list of disks");
    process->disk_count = count;
    json_array_foreach(list, index, entry)
        fill_disk(process, entry, &process->disks[index]);
    return 0;
}

static int serve_disks(const struct slipway_action_host *host,
                       const struct slipway_disk **ret_disks,
                       uint64_t *ret_count)
{
    struct action_process *process = self(host);
    int code = load_disks(process);

    if (code != 0)
        return code;
    *ret_disks = process->disks;
    *ret_count = process->disk_count;
    return 0;
}

static int serve_disk_select(const struct slipway_action_host *host,
                             uint64_t index,
                             const struct slipway_disk **ret_disk)
{
    struct action_process *process = self(host);
    struct channel_message reply = {.head = NULL, .fds = {-1, -1, -1, -1}};
    const char *name = param_name(process, index);
    int code = name ? load_disks(process) : SLIPWAY_EINVAL;

    if (code != 0)
        return code;
    code = action_call(
        process, json_pack("{s:s, s:s}", "call", "disk-select", "param", name),
        NULL, &reply);
    uint64_t id = number_of(reply.head, "disk");
    channel_message_done(&reply);
    if (code != 0)
        return code;
    for (uint64_t i = 0; i < process->disk_count; i++) {
        if (process->disks[i].id == id) {
            *ret_disk = &process->disks[i];
            return 0;
        }
    }
    return action_fail(process, SLIPWAY_EINTERNAL,
                       "the engine chose a disk that it did not list");
}

static int serve_declare_write(const struct slipway_action_host *host,
                               uint64_t disk_id, uint64_t offset,
                               uint64_t length)
{
    return action_call_simple(self(host),
                              json_pack("{s:s, s:I, s:I, s:I}", "call",
                                        "declare", "disk", (json_int_t)disk_id,
                                        "offset", (json_int_t)offset, "length",
                                        (json_int_t)length),
                              NULL);
}

/* A call whose reply carries a descriptor. */
static int call_fd(struct action_process *process, json_t *head, int *ret_fd,
                   uint64_t *ret_length)
{
    struct channel_message reply = {.head = NULL, .fds = {-1, -1, -1, -1}};
    int code = action_call(process, head, NULL, &reply);

    if (code == 0 && reply.fds[0] < 0)
        code = action_fail(process, SLIPWAY_EINTERNAL,
                           "the engine's reply has no descriptor");
    if (code == 0) {
        *ret_fd = TAKE_FD(reply.fds[0]);
        if (ret_length)
            *ret_length = number_of(reply.head, "length");
    }
    channel_message_done(&reply);
    return code;
}

static int serve_disk_open(const struct slipway_action_host *host,
                           uint64_t disk_id, uint64_t writable, int *ret_fd)
{
    return call_fd(self(host),
                   json_pack("{s:s, s:I, s:b}", "call", "disk-open", "disk",
                             (json_int_t)disk_id, "writable", writable != 0),
                   ret_fd, NULL);
}

static int serve_image_facts(const struct slipway_action_host *host,
                             uint64_t index, const char **ret_json)
{
    struct action_process *process = self(host);
    const char *name = param_name(process, index);

    if (!name)
        return SLIPWAY_EINVAL;
    return call_text(
        process, json_pack("{s:s, s:s}", "call", "image-facts", "param", name),
        ret_json);
}

static int image_call(const struct slipway_action_host *host, const char *call,
                      uint64_t index, uint64_t disk_id)
{
    struct action_process *process = self(host);
    const char *name = param_name(process, index);

    if (!name)
        return SLIPWAY_EINVAL;
    return action_call_simple(process,
                              json_pack("{s:s, s:s, s:I}", "call", call,
                                        "param", name, "disk",
                                        (json_int_t)disk_id),
                              NULL);
}

static int serve_image_write(const struct slipway_action_host *host,
                             uint64_t index, uint64_t disk_id)
{
    return image_call(host, "image-write", index, disk_id);
}

static int serve_image_verify(const struct slipway_action_host *host,
                              uint64_t index, uint64_t disk_id)
{
    return image_call(host, "image-verify", index, disk_id);
}

static int serve_disk_grow(const struct slipway_action_host *host,
                           uint64_t index, uint64_t disk_id)
{
    return image_call(host, "disk-grow", index, disk_id);
}

/* Hexadecimal keeps the bytes whole inside JSON; files are small. */
static json_t *file_json(const struct slipway_file *file)
{
    AUTO_FREE char *hex = malloc(2 * (size_t)file->length + 1);

    if (!hex)
        return NULL;
    (void)hex_format(file->data ? file->data : "", (size_t)file->length, hex);
    return json_pack("{s:s, s:s, s:i, s:I, s:I, s:I, s:s*, s:s*}", "path",
                     file->path ? file->path : "", "hex", hex, "mode",
                     (int)file->mode, "owner", (json_int_t)file->owner, "group",
                     (json_int_t)file->group, "partition",
                     (json_int_t)file->partition, "needs", file->needs,
                     "needs_text", file->needs_text);
}

/* A plugin may know a shorter or a longer structure. */
static bool take_file(const char *at, uint64_t stride,
                      struct slipway_file *ret)
{
    *ret = (struct slipway_file){.size = stride};
    if (stride < offsetof(struct slipway_file, needs) || stride % 8 ||
        stride > FILE_STRIDE_MAX)
        return false;
    memcpy(ret, at, MIN(stride, sizeof(*ret)));
    return ret->size == stride && ret->length <= ACTION_MAX_FILE_BYTES;
}

static int serve_personalise(const struct slipway_action_host *host,
                             uint64_t index, uint64_t disk_id,
                             const struct slipway_file *files, uint64_t count)
{
    struct action_process *process = self(host);
    const char *name = param_name(process, index);
    AUTO_JSON *list = json_array();
    const char *at = (const char *)files;

    if (!name)
        return SLIPWAY_EINVAL;
    if (count == 0 || count > ACTION_MAX_FILES)
        return action_fail(process, SLIPWAY_EINVAL,
                           "the plugin wants to write %llu files, 1 to %d fit",
                           (unsigned long long)count, ACTION_MAX_FILES);
    for (uint64_t i = 0; i < count; i++, at += files->size) {
        struct slipway_file file;
        if (!take_file(at, files->size, &file))
            return action_fail(process, SLIPWAY_EINVAL,
                               "file %llu of the plugin is not valid",
                               (unsigned long long)i);
        if (json_array_append_new(list, file_json(&file)) < 0)
            return action_fail(process, SLIPWAY_EINVAL,
                               "file %llu of the plugin has no valid path",
                               (unsigned long long)i);
    }
    AUTO_FREE char *text = json_text(list);
    return action_call_simple(process,
                              json_pack("{s:s, s:s, s:I}", "call",
                                        "personalise", "param", name, "disk",
                                        (json_int_t)disk_id),
                              text ? text : "[]");
}

static int serve_blob_open(const struct slipway_action_host *host,
                           uint64_t index, int *ret_fd, uint64_t *ret_length)
{
    struct action_process *process = self(host);
    const char *name = param_name(process, index);

    if (!name)
        return SLIPWAY_EINVAL;
    return call_fd(process,
                   json_pack("{s:s, s:s}", "call", "blob-open", "param", name),
                   ret_fd, ret_length);
}

static int serve_command_run(const struct slipway_action_host *host,
                             struct slipway_command *command)
{
    return action_command_run(self(host), command, action_now_ms());
}

static int serve_lldp_open(const struct slipway_action_host *host,
                           const char *port, int *ret_fd)
{
    return call_fd(
        self(host),
        json_pack("{s:s, s:o}", "call", "lldp-open", "port", safe_text(port)),
        ret_fd, NULL);
}

static int serve_facts(const struct slipway_action_host *host,
                       const char **ret_json)
{
    return call_text(self(host), json_pack("{s:s}", "call", "facts"), ret_json);
}

static int serve_result(const struct slipway_action_host *host,
                        const char *json)
{
    return action_call_simple(self(host), json_pack("{s:s}", "call", "result"),
                              json ? json : "");
}

void action_services(struct slipway_action_host *host)
{
    host->lldp_open = serve_lldp_open;
    host->log = serve_log;
    host->progress = serve_progress;
    host->fail = serve_fail;
    host->cancelled = serve_cancelled;
    host->now_ms = serve_now_ms;
    host->alloc = serve_alloc;
    host->param_text = serve_param_text;
    host->param_number = serve_param_number;
    host->disks = serve_disks;
    host->disk_select = serve_disk_select;
    host->declare_write = serve_declare_write;
    host->disk_open = serve_disk_open;
    host->image_facts = serve_image_facts;
    host->image_write = serve_image_write;
    host->image_verify = serve_image_verify;
    host->personalise = serve_personalise;
    host->blob_open = serve_blob_open;
    host->command_run = serve_command_run;
    host->facts = serve_facts;
    host->result = serve_result;
    host->disk_grow = serve_disk_grow;
}
