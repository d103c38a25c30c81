/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a pipeline from an object store in this process: one transport that
 * reads files, and what a test wants to go wrong with it. */
#ifndef TESTS_UNIT_PIPELINE_DRIVER_H
#define TESTS_UNIT_PIPELINE_DRIVER_H

#include <pthread.h>

#include "core/image/objects.h"
#include "core/image/pipeline.h"

struct driver {
    const struct objects *objects;
    const struct seal_secret *secret;
    unsigned max_in_flight;   /* objects asked for before one is delivered */
    uint64_t deliver_at_most; /* then it stops; 0 = no limit */
    bool reverse;        /* deliver the last one that was asked for first */
    unsigned flip_every; /* each n-th delivery has a flipped bit; 0 = none */
    unsigned checkpoint_every; /* deliveries; 0 = none */
    int count_fd;              /* gets a byte for each delivery; 0 = none */
    /* Results. */
    uint64_t delivered;
    uint64_t refused;
    struct buf checkpoint; /* the last one */

    pthread_mutex_t lock;
    pthread_cond_t woken;
    bool awake;
};

void driver_init(struct driver *driver, const struct objects *objects,
                 const struct seal_secret *secret);
void driver_done(struct driver *driver);
/* Sets the spec's callbacks, runs to the end (or the limit) and frees the
 * pipeline.  0, or the failure of pipeline_new or the pipeline. */
int driver_run(struct driver *driver, struct pipeline_spec *spec,
               struct pipeline_progress *ret_progress, struct err *err);

#endif
