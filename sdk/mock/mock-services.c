/* SPDX-License-Identifier: Apache-2.0 */
/* The mock host's services: what a plugin calls. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "mock-internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

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

void slipway_mock_violate(struct slipway_mock *mock, const char *sentence)
{
    if (!mock->violations.data || !strstr(mock->violations.data, sentence))
        add_line(&mock->violations, sentence);
}

void slipway_mock_set(char **where, const char *text)
{
    free(*where);
    *where = text ? strdup(text) : NULL;
}

static void mock_log(const struct slipway_action_host *host, uint32_t level,
                     const char *text)
{
    struct slipway_mock *mock = mock_of(host);
    if (level > SLIPWAY_LOG_DEBUG)
        slipway_mock_violate(mock, "log was given a level that does not exist");
    if (strchr(text, '\n'))
        slipway_mock_violate(mock, "log was given more than one line");
    add_line(&mock->log, text);
}

static void mock_progress(const struct slipway_action_host *host,
                          uint32_t permille, const char *text)
{
    struct slipway_mock *mock = mock_of(host);
    (void)text;
    if (permille > 1000)
        slipway_mock_violate(mock, "progress was above 1000");
    else if (permille < mock->permille)
        slipway_mock_violate(mock, "progress went back");
    else
        mock->permille = permille;
}

static int mock_fail(const struct slipway_action_host *host, int code,
                     const char *sentence)
{
    struct slipway_mock *mock = mock_of(host);
    if (!mock->sentence)
        slipway_mock_set(&mock->sentence, sentence);
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

static void *mock_alloc(const struct slipway_action_host *host, uint64_t length)
{
    struct slipway_mock *mock = mock_of(host);
    if (mock->fail_alloc && !--mock->fail_alloc)
        return NULL;
    struct memory *memory =
        length < SIZE_MAX - 64 ? calloc(1, sizeof(*memory) * 2 + length) : NULL;
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
        slipway_mock_violate(mock,
                             "a parameter was asked for that is not declared");
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
        slipway_mock_violate(mock,
                             "declare_write was called outside of prepare");
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
        slipway_mock_violate(mock, "probe or prepare tried to write");
        return refuse(mock, SLIPWAY_EINVAL, "only run may write");
    }
    if (!mock->declared[disk_id]) {
        slipway_mock_violate(
            mock, "a disk was written that prepare had not declared");
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
        slipway_mock_violate(mock,
                             "a disk was opened for writing in a dry run");
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
    for (off_t at = 0; !code && (n = pread(from, left, sizeof(left), at)) > 0;
         at += n) {
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

static int mock_disk_grow(const struct slipway_action_host *host,
                          uint64_t index, uint64_t disk_id)
{
    struct slipway_mock *mock = mock_of(host);
    (void)index;
    if (mock->phase == PREPARE)
        return disk_id < mock->disk_count
                   ? SLIPWAY_OK
                   : refuse(mock, SLIPWAY_EINVAL, "there is no such disk");
    int code = check_write(mock, disk_id);
    add_line(&mock->log, "grow");
    mock->writes += !code && !(mock->host.flags & SLIPWAY_ACTION_DRY_RUN);
    return code;
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
        slipway_mock_violate(mock,
                             "a command was given without an absolute path");
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

static int mock_lldp_open(const struct slipway_action_host *host,
                          const char *port, int *ret_fd)
{
    struct slipway_mock *mock = mock_of(host);
    if (mock->phase != RUN && mock->phase != IDLE)
        slipway_mock_violate(mock, "lldp_open was called outside of run");
    *ret_fd = port && mock->lldp_fd >= 0
                  ? fcntl(mock->lldp_fd, F_DUPFD_CLOEXEC, 0)
                  : -1;
    return *ret_fd < 0 ? SLIPWAY_EUNSUPPORTED : SLIPWAY_OK;
}

static int mock_facts(const struct slipway_action_host *host,
                      const char **ret_json)
{
    struct slipway_mock *mock = mock_of(host);
    *ret_json = mock->facts ? mock->facts : "{}";
    return SLIPWAY_OK;
}

static int mock_result(const struct slipway_action_host *host, const char *json)
{
    struct slipway_mock *mock = mock_of(host);
    size_t length = strlen(json);
    if (length > SLIPWAY_RESULT_BYTES || json[0] != '{' ||
        json[length - 1] != '}') {
        slipway_mock_violate(
            mock, "the result is not one JSON object, or is too long");
        return refuse(mock, SLIPWAY_EINVAL, "the result is not an object");
    }
    slipway_mock_set(&mock->result, json);
    return SLIPWAY_OK;
}

void slipway_mock_fill(struct slipway_action_host *host)
{
    host->lldp_open = mock_lldp_open;
    host->log = mock_log;
    host->progress = mock_progress;
    host->fail = mock_fail;
    host->cancelled = mock_cancelled;
    host->now_ms = mock_now_ms;
    host->alloc = mock_alloc;
    host->param_text = mock_param_text;
    host->param_number = mock_param_number;
    host->disks = mock_disks;
    host->disk_select = mock_disk_select;
    host->declare_write = mock_declare_write;
    host->disk_open = mock_disk_open;
    host->image_facts = mock_image_facts;
    host->image_write = mock_image_write;
    host->image_verify = mock_image_verify;
    host->personalise = mock_personalise;
    host->blob_open = mock_blob_open;
    host->command_run = mock_command_run;
    host->facts = mock_facts;
    host->result = mock_result;
    host->disk_grow = mock_disk_grow;
}
