/* SPDX-License-Identifier: Apache-2.0 */
/* What the two files of the mock host share: mock.c has the test's side,
 * mock-services.c what the plugin calls. */
#ifndef SLIPWAY_MOCK_INTERNAL_H
#define SLIPWAY_MOCK_INTERNAL_H

#include <slipway/mock.h>

#include <stddef.h>

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
    int lldp_fd; /* -1 = there is nothing to listen on */
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

/* Fills the host's table. */
void slipway_mock_fill(struct slipway_action_host *host);
/* Notes a broken rule, once. */
void slipway_mock_violate(struct slipway_mock *mock, const char *sentence);
/* Replaces an owned text; NULL clears. */
void slipway_mock_set(char **where, const char *text);

#endif
