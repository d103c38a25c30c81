/* SPDX-License-Identifier: Apache-2.0 */
/* The message "start" of pipeline-client.h, parsed and checked. */
#ifndef CORE_ENGINE_PIPELINE_PIPELINE_START_H
#define CORE_ENGINE_PIPELINE_PIPELINE_START_H

#include "core/image/pipeline.h"
#include "core/util/channel.h"

struct pipeline_start {
    enum pipeline_mode mode;
    char device[64]; /* for sentences */
    uint64_t device_bytes;
    uint32_t sector_bytes;
    struct manifest manifest;
    struct pipeline_range *excluded; /* owned */
    size_t excluded_count;
    uint8_t *checkpoint; /* owned; NULL = none */
    size_t checkpoint_length;
    const char *plugin_dir;   /* the message's, like all below */
    const json_t *transports; /* array of names */
    const json_t *servers;    /* array of "10.0.0.1:7080" */
};

/* The device's descriptor stays in the message. */
int pipeline_start_parse(struct channel_message *message,
                         struct pipeline_start *ret, struct err *err);
void pipeline_start_done(struct pipeline_start *start);

#endif
