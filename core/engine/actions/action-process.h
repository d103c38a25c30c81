/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `slipway-engine action NAME`: the process in which an action plugin runs.
 * Its channel to PID 1 is descriptor 3 (action-rpc.h).
 */
#ifndef CORE_ENGINE_ACTIONS_ACTION_PROCESS_H
#define CORE_ENGINE_ACTIONS_ACTION_PROCESS_H

#include "core/engine/actions/action-rpc.h"
#include "core/plugin/load.h"
#include "core/plugin/params.h"

/* Runs one step; returns the exit status. */
int action_process_main(const char *name);

struct action_block;

/* The process's own state, reached from the plugin by host->private_data. */
struct action_process {
    struct slipway_action_host host;
    int fd;               /* the channel */
    uint64_t deadline_ms; /* of now_ms: when PID 1 will end the step */
    const struct plugin *plugin;
    struct param_table table;
    struct param_values *values;
    struct action_block *blocks; /* the arena */
    struct slipway_disk *disks;  /* NULL until asked for */
    uint64_t disk_count;
};

/* Zeroed arena memory, gone when the process ends; NULL = none left. */
void *action_alloc(struct action_process *process, uint64_t length);
/* The services of the table (action-services.c). */
void action_services(struct slipway_action_host *host);
/* One call and its reply (freed by the caller); `text` may be NULL.  Returns
 * the reply's code; a lost channel ends the process. */
int action_call(struct action_process *process, json_t *head, const char *text,
                struct channel_message *ret_reply);
/* The same without wanting more than the code. */
int action_call_simple(struct action_process *process, json_t *head,
                       const char *text);
/* A message without reply. */
void action_tell(struct action_process *process, json_t *head);
/* command_run (action-command.c). */
int action_command_run(struct action_process *process,
                       struct slipway_command *command, uint64_t now_ms);
/* Records why the step fails and returns `code`. */
int action_fail(struct action_process *process, int code, const char *format,
                ...) PRINTF(3, 4);
uint64_t action_now_ms(void);

#endif
