/* SPDX-License-Identifier: Apache-2.0 */
/* The mock host, the test's side: see <slipway/mock.h>.  Needs a C library and
 * nothing else. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "mock-internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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
    mock->lldp_fd = -1;
    slipway_mock_fill(&mock->host);
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
            slipway_mock_set(&mock->params[i], text);
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
    slipway_mock_set(&mock->content, path);
}

void slipway_mock_facts(struct slipway_mock *mock, const char *json)
{
    slipway_mock_set(&mock->facts, json);
}

void slipway_mock_lldp(struct slipway_mock *mock, int fd)
{
    mock->lldp_fd = fd;
}

void slipway_mock_command(struct slipway_mock *mock, uint64_t exit_status,
                          const char *output)
{
    mock->command_status = exit_status;
    slipway_mock_set(&mock->command_output, output);
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
        slipway_mock_violate(mock,
                             "a callback returned a number that is no result");
        code = SLIPWAY_EINTERNAL;
    }
    if (code && code != SLIPWAY_ENOTAPPLICABLE && code != SLIPWAY_ECANCELLED &&
        !mock->sentence)
        slipway_mock_violate(mock, "a callback failed without a sentence");
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
