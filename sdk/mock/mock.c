/* SPDX-License-Identifier: Apache-2.0 */
/* The mock host: see <slipway/mock.h>.  Needs a C library and nothing else. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <slipway/mock.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAX_DISKS 8
#define MAX_TEXT 65536

/* A text that grows up to a limit and is cut there. */
struct text {
    char *data;
    size_t length;
};

struct memory {
    struct memory *next;
};

struct slipway_mock {
    struct slipway_action_host host; /* first: services get it back */
    const struct slipway_action_plugin *plugin;
    char **params; /* by index; NULL = default */
    struct slipway_disk disks[MAX_DISKS];
    char *disk_paths[MAX_DISKS];
    int declared[MAX_DISKS];
    uint64_t disk_count;
    char *content;
    char *facts;
    char *command_output;
    uint64_t command_status;
    uint64_t cancel_at, cancel_calls;
    uint64_t fail_alloc;
    enum { IDLE, PROBE, PREPARE, RUN, VERIFY } phase;
    struct memory *arena;
    struct text log, violations;
    char *sentence, *result;
    char image_json[256];
    uint32_t permille;
    uint64_t writes;
};

static struct slipway_mock *mock_of(const struct slipway_action_host *host)
{
    return (struct slipway_mock *)(uintptr_t)host;
}

static void add_line(struct text *text, const char *line)
{
    size_t length = strlen(line);
    char *grown = length + 2 < MAX_TEXT - text->length
                      ? realloc(text->data, text->length + length + 2)
                      : NULL;
    if (!grown)
        return;
    memcpy(grown + text->length, line, length);
    text->length += length;
    grown[text->length++] = '\n';
    grown[text->length] = 0;
    text->data = grown;
}

static void violate(struct slipway_mock *mock, const char *sentence)
{
    if (!mock->violations.data || !strstr(mock->violations.data, sentence))
        add_line(&mock->violations, sentence);
}

static void set_text(char **where, const char *text)
{
    free(*where);
    *where = text ? strdup(text) : NULL;
}

/* ---- services ---- */

static void mock_log(const struct slipway_action_host *host, uint32_t level,
                     const char *text)
{
    struct slipway_mock *mock = mock_of(host);
    if (level > SLIPWAY_LOG_DEBUG)
        violate(mock, "log was given a level that does not exist");
    if (strchr(text, '\n'))
        violate(mock, "log was given more than one line");
    add_line(&mock->log, text);
}

static void mock_progress(const struct slipway_action_host *host,
                          uint32_t permille, const char *text)
{
    struct slipway_mock *mock = mock_of(host);
    (void)text;
    if (permille > 1000)
        violate(mock, "progress was above 1000");
    else if (permille < mock->permille)
        violate(mock, "progress went back");
    else
        mock->permille = permille;
}

static int mock_fail(const struct slipway_action_host *host, int code,
                     const char *sentence)
{
    struct slipway_mock *mock = mock_of(host);
    if (!mock->sentence)
        set_text(&mock->sentence, sentence);
    return code;
}

static int refuse(struct slipway_mock *mock, int code, const char *sentence)
{
    return mock_fail(&mock->host, code, sentence);
}

static int mock_cancelled(const struct slipway_action_host *host)
{
    struct slipway_mock *mock = mock_of(host);
    mock->cancel_calls++;
    return mock->cancel_at && mock->cancel_calls >= mock->cancel_at;
}

static uint64_t mock_now_ms(const struct slipway_action_host *host)
{
    struct timespec now;
    (void)host;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void *mock_alloc(const struct slipway_action_host *host,
                        uint64_t length)
{
    struct slipway_mock *mock = mock_of(host);
    if (mock->fail_alloc && !--mock->fail_alloc)
        return NULL;
    struct memory *memory = length < SIZE_MAX - 64
                                ? calloc(1, sizeof(*memory) * 2 + length)
                                : NULL;
    if (!memory)
        return NULL;
    memory->next = mock->arena;
    mock->arena = memory;
    return memory + 2; /* two, to keep the alignment of malloc */
}

static const char *mock_param_text(const struct slipway_action_host *host,
                                   uint64_t index)
{
    struct slipway_mock *mock = mock_of(host);
    if (index >= mock->plugin->params_count) {
        violate(mock, "a parameter was asked for that is not declared");
        return NULL;
    }
    return mock->params[index] ? mock->params[index]
                               : mock->plugin->params[index].default_text;
}

/* "8 GiB", "12", "true": enough for what the checker of profiles lets by. */
static int parse_number(const char *text, uint64_t *ret)
{
    static const char units[] = "KMGTP";
    const char *end = text;
    uint64_t value = 0;
    if (!strcmp(text, "true") || !strcmp(text, "false")) {
        *ret = text[0] == 't';
        return SLIPWAY_OK;
    }
    while (*end >= '0' && *end <= '9')
        value = value * 10 + (uint64_t)(*end++ - '0');
    if (end == text)
        return SLIPWAY_EINVAL;
    while (*end == ' ')
        end++;
    const char *unit = *end ? strchr(units, *end) : NULL;
    if (unit) {
        uint64_t base = end[1] == 'i' ? 1024 : 1000;
        for (const char *u = units; u <= unit; u++)
            value *= base;
    } else if (*end && strcmp(end, "B")) {
        return SLIPWAY_EINVAL;
    }
    *ret = value;
    return SLIPWAY_OK;
}

static int mock_param_number(const struct slipway_action_host *host,
                             uint64_t index, uint64_t *ret_value)
{
    const char *text = mock_param_text(host, index);
    return text ? parse_number(text, ret_value) : SLIPWAY_EINVAL;
}

static int mock_disks(const struct slipway_action_host *host,
                      const struct slipway_disk **ret_disks,
                      uint64_t *ret_count)
{
    struct slipway_mock *mock = mock_of(host);
    *ret_disks = mock->disks;
    *ret_count = mock->disk_count;
    return SLIPWAY_OK;
}

static int mock_disk_select(const struct slipway_action_host *host,
                            uint64_t index,
                            const struct slipway_disk **ret_disk)
{
    struct slipway_mock *mock = mock_of(host);
    if (!mock_param_text(host, index))
        return refuse(mock, SLIPWAY_EINVAL, "no disk was asked for");
    if (!mock->disk_count)
        return refuse(mock, SLIPWAY_ENOTAPPLICABLE, "there is no disk");
    *ret_disk = &mock->disks[0];
    return SLIPWAY_OK;
}

static int mock_declare_write(const struct slipway_action_host *host,
                              uint64_t disk_id, uint64_t offset,
                              uint64_t length)
{
    struct slipway_mock *mock = mock_of(host);
    if (mock->phase != PREPARE && mock->phase != IDLE)
        violate(mock, "declare_write was called outside of prepare");
    if (disk_id >= mock->disk_count)
        return refuse(mock, SLIPWAY_EINVAL, "there is no such disk");
    uint64_t size = mock->disks[disk_id].size_bytes;
    if (offset > size || length > size - offset)
        return refuse(mock, SLIPWAY_ENOSPACE, "the disk is too small");
    mock->declared[disk_id] = 1;
    return SLIPWAY_OK;
}

/* May this disk be written now? */
static int check_write(struct slipway_mock *mock, uint64_t disk_id)
{
    if (disk_id >= mock->disk_count)
        return refuse(mock, SLIPWAY_EINVAL, "there is no such disk");
    if (mock->phase == PROBE || mock->phase == PREPARE) {
        violate(mock, "probe or prepare tried to write");
        return refuse(mock, SLIPWAY_EINVAL, "only run may write");
    }
    if (!mock->declared[disk_id]) {
        violate(mock, "a disk was written that prepare had not declared");
        return refuse(mock, SLIPWAY_EINVAL,
                      "prepare has not declared this disk");
    }
    return SLIPWAY_OK;
}

static int mock_disk_open(const struct slipway_action_host *host,
                          uint64_t disk_id, uint64_t writable, int *ret_fd)
{
    struct slipway_mock *mock = mock_of(host);
    int code = writable ? check_write(mock, disk_id) : SLIPWAY_OK;
    if (!code && disk_id >= mock->disk_count)
        code = refuse(mock, SLIPWAY_EINVAL, "there is no such disk");
    if (code)
        return code;
    if (writable && (mock->host.flags & SLIPWAY_ACTION_DRY_RUN)) {
        violate(mock, "a disk was opened for writing in a dry run");
        return refuse(mock, SLIPWAY_EINVAL, "nothing is written in a dry run");
    }
    mock->writes += writable != 0;
    *ret_fd = open(mock->disk_paths[disk_id],
                   (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC);
    return *ret_fd < 0 ? refuse(mock, SLIPWAY_EIO, "the disk cannot be opened")
                       : SLIPWAY_OK;
}

/* Opens what IMAGE and BLOB parameters stand for. */
static int open_content(struct slipway_mock *mock, uint64_t index, int *ret_fd,
                        uint64_t *ret_length)
{
    struct stat status;
    if (!mock_param_text(&mock->host, index))
        return refuse(mock, SLIPWAY_EINVAL, "no image was asked for");
    int fd = mock->content ? open(mock->content, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0 || fstat(fd, &status)) {
        if (fd >= 0)
            close(fd);
        return refuse(mock, SLIPWAY_EIO, "the image has no content here");
    }
    *ret_fd = fd;
    *ret_length = (uint64_t)status.st_size;
    return SLIPWAY_OK;
}

static int mock_image_facts(const struct slipway_action_host *host,
                            uint64_t index, const char **ret_json)
{
    struct slipway_mock *mock = mock_of(host);
    int fd;
    uint64_t length;
    int code = open_content(mock, index, &fd, &length);
    if (code)
        return code;
    close(fd);
    snprintf(mock->image_json, sizeof(mock->image_json),
             "{\"name\":\"%.64s\",\"revision\":1,\"size_bytes\":%llu,"
             "\"sector_bytes\":512}",
             mock_param_text(host, index), (unsigned long long)length);
    *ret_json = mock->image_json;
    return SLIPWAY_OK;
}

/* Copies the content to the disk, or compares. */
static int image_pass(struct slipway_mock *mock, uint64_t index,
                      uint64_t disk_id, int write_it)
{
    static char left[65536], right[65536];
    int from, code;
    uint64_t length;
    ssize_t n = 0;
    code = open_content(mock, index, &from, &length);
    if (code)
        return code;
    int to = open(mock->disk_paths[disk_id], O_RDWR | O_CLOEXEC);
    if (to < 0)
        code = refuse(mock, SLIPWAY_EIO, "the disk cannot be opened");
    else if (length > mock->disks[disk_id].size_bytes)
        code = refuse(mock, SLIPWAY_ENOSPACE, "the disk is too small");
    for (off_t at = 0;
         !code && (n = pread(from, left, sizeof(left), at)) > 0; at += n) {
        if (write_it && pwrite(to, left, (size_t)n, at) != n)
            code = refuse(mock, SLIPWAY_EIO, "the disk cannot be written");
        else if (!write_it && (pread(to, right, (size_t)n, at) != n ||
                               memcmp(left, right, (size_t)n)))
            code = refuse(mock, SLIPWAY_EVERIFY, "the disk differs");
    }
    if (!code && n < 0)
        code = refuse(mock, SLIPWAY_EIO, "the content cannot be read");
    close(from);
    if (to >= 0)
        close(to);
    return code;
}

static int mock_image_write(const struct slipway_action_host *host,
                            uint64_t index, uint64_t disk_id)
{
    struct slipway_mock *mock = mock_of(host);
    int code = check_write(mock, disk_id);
    if (code || (mock->host.flags & SLIPWAY_ACTION_DRY_RUN))
        return code; /* the host itself leaves the disk alone */
    mock->writes++;
    return image_pass(mock, index, disk_id, 1);
}

static int mock_image_verify(const struct slipway_action_host *host,
                             uint64_t index, uint64_t disk_id)
{
    struct slipway_mock *mock = mock_of(host);
    if (disk_id >= mock->disk_count)
        return refuse(mock, SLIPWAY_EINVAL, "there is no such disk");
    return mock->host.flags & SLIPWAY_ACTION_DRY_RUN
               ? SLIPWAY_OK
               : image_pass(mock, index, disk_id, 0);
}

static int mock_personalise(const struct slipway_action_host *host,
                            uint64_t index, uint64_t disk_id,
                            const struct slipway_file *files, uint64_t count)
{
    struct slipway_mock *mock = mock_of(host);
    const char *at = (const char *)files;
    char line[512];
    (void)index;
    int code = check_write(mock, disk_id);
    for (uint64_t i = 0; !code && i < count; i++) {
        const struct slipway_file *file = (const void *)at;
        if (file->path[0] != '/' || strstr(file->path, ".."))
            code = refuse(mock, SLIPWAY_EINVAL,
                          "a file's path must be absolute, without ..");
        snprintf(line, sizeof(line), "personalise %s", file->path);
        add_line(&mock->log, line);
        at += file->size;
    }
    mock->writes += !code && !(mock->host.flags & SLIPWAY_ACTION_DRY_RUN);
    return code;
}

static int mock_blob_open(const struct slipway_action_host *host,
                          uint64_t index, int *ret_fd, uint64_t *ret_length)
{
    return open_content(mock_of(host), index, ret_fd, ret_length);
}

static int mock_command_run(const struct slipway_action_host *host,
                            struct slipway_command *command)
{
    struct slipway_mock *mock = mock_of(host);
    if (!command->argv || !command->argv[0] || command->argv[0][0] != '/') {
        violate(mock, "a command was given without an absolute path");
        return refuse(mock, SLIPWAY_EINVAL, "a command needs its whole path");
    }
    add_line(&mock->log, command->argv[0]);
    if (!mock->command_output)
        return refuse(mock, SLIPWAY_EUNSUPPORTED, "this host runs no commands");
    command->exit_status = mock->command_status;
    command->output = mock->command_output;
    command->errors = "";
    return SLIPWAY_OK;
}

static int mock_facts(const struct slipway_action_host *host,
                      const char **ret_json)
{
    struct slipway_mock *mock = mock_of(host);
    *ret_json = mock->facts ? mock->facts : "{}";
    return SLIPWAY_OK;
}

static int mock_result(const struct slipway_action_host *host,
                       const char *json)
{
    struct slipway_mock *mock = mock_of(host);
    size_t length = strlen(json);
    if (length > 1024 * 1024 || json[0] != '{' || json[length - 1] != '}') {
        violate(mock, "the result is not one JSON object of at most 1 MiB");
        return refuse(mock, SLIPWAY_EINVAL, "the result is not an object");
    }
    set_text(&mock->result, json);
    return SLIPWAY_OK;
}

/* ---- the test's side ---- */

struct slipway_mock *
slipway_mock_new(const struct slipway_action_plugin *plugin)
{
    struct slipway_mock *mock = calloc(1, sizeof(*mock));
    if (mock)
        mock->params = calloc(plugin->params_count + 1, sizeof(char *));
    if (!mock || !mock->params) {
        free(mock);
        return NULL;
    }
    mock->plugin = plugin;
    mock->host.size = sizeof(mock->host);
    mock->host.log = mock_log;
    mock->host.progress = mock_progress;
    mock->host.fail = mock_fail;
    mock->host.cancelled = mock_cancelled;
    mock->host.now_ms = mock_now_ms;
    mock->host.alloc = mock_alloc;
    mock->host.param_text = mock_param_text;
    mock->host.param_number = mock_param_number;
    mock->host.disks = mock_disks;
    mock->host.disk_select = mock_disk_select;
    mock->host.declare_write = mock_declare_write;
    mock->host.disk_open = mock_disk_open;
    mock->host.image_facts = mock_image_facts;
    mock->host.image_write = mock_image_write;
    mock->host.image_verify = mock_image_verify;
    mock->host.personalise = mock_personalise;
    mock->host.blob_open = mock_blob_open;
    mock->host.command_run = mock_command_run;
    mock->host.facts = mock_facts;
    mock->host.result = mock_result;
    return mock;
}

void slipway_mock_free(struct slipway_mock *mock)
{
    if (!mock)
        return;
    for (uint64_t i = 0; i < mock->plugin->params_count; i++)
        free(mock->params[i]);
    for (uint64_t i = 0; i < mock->disk_count; i++) {
        free(mock->disk_paths[i]);
        free((void *)(uintptr_t)mock->disks[i].serial);
    }
    while (mock->arena) {
        struct memory *memory = mock->arena;
        mock->arena = memory->next;
        free(memory);
    }
    free(mock->params);
    free(mock->content);
    free(mock->facts);
    free(mock->command_output);
    free(mock->log.data);
    free(mock->violations.data);
    free(mock->sentence);
    free(mock->result);
    free(mock);
}

int slipway_mock_param(struct slipway_mock *mock, const char *name,
                       const char *text)
{
    for (uint64_t i = 0; i < mock->plugin->params_count; i++)
        if (!strcmp(mock->plugin->params[i].name, name)) {
            set_text(&mock->params[i], text);
            return SLIPWAY_OK;
        }
    return SLIPWAY_EINVAL;
}

int slipway_mock_disk(struct slipway_mock *mock, const char *path,
                      const char *serial, uint32_t sector_bytes)
{
    struct stat status;
    if (mock->disk_count == MAX_DISKS || stat(path, &status))
        return SLIPWAY_EIO;
    uint64_t id = mock->disk_count++;
    mock->disk_paths[id] = strdup(path);
    mock->disks[id] = (struct slipway_disk){
        .size = sizeof(struct slipway_disk),
        .id = id,
        .size_bytes = (uint64_t)status.st_size,
        .logical_sector_bytes = sector_bytes,
        .physical_sector_bytes = sector_bytes,
        .name = "disk",
        .serial = strdup(serial),
        .model = "mock",
        .wwn = "",
        .path = "",
        .transport = "file",
    };
    return SLIPWAY_OK;
}

void slipway_mock_content(struct slipway_mock *mock, const char *path)
{
    set_text(&mock->content, path);
}

void slipway_mock_facts(struct slipway_mock *mock, const char *json)
{
    set_text(&mock->facts, json);
}

void slipway_mock_command(struct slipway_mock *mock, uint64_t exit_status,
                          const char *output)
{
    mock->command_status = exit_status;
    set_text(&mock->command_output, output);
}

void slipway_mock_flags(struct slipway_mock *mock, uint64_t flags)
{
    mock->host.flags = flags;
}

void slipway_mock_cancel_at(struct slipway_mock *mock, uint64_t count)
{
    mock->cancel_at = count;
}

void slipway_mock_fail_alloc(struct slipway_mock *mock, uint64_t count)
{
    mock->fail_alloc = count;
}

const struct slipway_action_host *slipway_mock_host(struct slipway_mock *mock)
{
    return &mock->host;
}

int slipway_mock_run(struct slipway_mock *mock)
{
    const struct slipway_action_plugin *plugin = mock->plugin;
    int (*const callbacks[])(const struct slipway_action_host *host) = {
        NULL, plugin->probe, plugin->prepare, plugin->run, plugin->verify};
    int code = SLIPWAY_OK;
    for (int phase = PROBE; !code && phase <= VERIFY; phase++) {
        mock->phase = phase;
        if (callbacks[phase])
            code = callbacks[phase](&mock->host);
    }
    mock->phase = IDLE;
    if (code > 0 || code < SLIPWAY_EINTERNAL) {
        violate(mock, "a callback returned a number that is no result");
        code = SLIPWAY_EINTERNAL;
    }
    if (code && code != SLIPWAY_ENOTAPPLICABLE &&
        code != SLIPWAY_ECANCELLED && !mock->sentence)
        violate(mock, "a callback failed without a sentence");
    return code;
}

const char *slipway_mock_sentence(const struct slipway_mock *mock)
{
    return mock->sentence ? mock->sentence : "";
}

const char *slipway_mock_result(const struct slipway_mock *mock)
{
    return mock->result ? mock->result : "";
}

const char *slipway_mock_log(const struct slipway_mock *mock)
{
    return mock->log.data ? mock->log.data : "";
}

uint32_t slipway_mock_progress(const struct slipway_mock *mock)
{
    return mock->permille;
}

const char *slipway_mock_violations(const struct slipway_mock *mock)
{
    return mock->violations.data ? mock->violations.data : "";
}

uint64_t slipway_mock_writes(const struct slipway_mock *mock)
{
    return mock->writes;
}
