/* SPDX-License-Identifier: Apache-2.0 */
/* See pipeline-driver.h. */
#include "tests/unit/pipeline-driver.h"

#include <fcntl.h>
#include <string.h>

#define MAX_IN_FLIGHT 64

struct asked {
    struct digest name;
    uint64_t length;
};

void driver_init(struct driver *d, const struct objects *objects,
                 const struct seal_secret *secret)
{
    memset(d, 0, sizeof(*d));
    d->objects = objects;
    d->secret = secret;
    d->max_in_flight = 4;
    buf_init(&d->checkpoint, 1 << 20);
    (void)pthread_mutex_init(&d->lock, NULL);
    (void)pthread_cond_init(&d->woken, NULL);
}

void driver_done(struct driver *d)
{
    buf_done(&d->checkpoint);
    (void)pthread_mutex_destroy(&d->lock);
    (void)pthread_cond_destroy(&d->woken);
}

static void wake(void *arg)
{
    struct driver *d = arg;
    (void)pthread_mutex_lock(&d->lock);
    d->awake = true;
    (void)pthread_cond_signal(&d->woken);
    (void)pthread_mutex_unlock(&d->lock);
}

static void keep_checkpoint(void *arg, const void *data, size_t length)
{
    struct driver *d = arg;
    (void)pthread_mutex_lock(&d->lock);
    buf_clear(&d->checkpoint);
    (void)buf_append(&d->checkpoint, data, length);
    (void)pthread_mutex_unlock(&d->lock);
}

static void wait_for_wake(struct driver *d)
{
    (void)pthread_mutex_lock(&d->lock);
    while (!d->awake)
        (void)pthread_cond_wait(&d->woken, &d->lock);
    d->awake = false;
    (void)pthread_mutex_unlock(&d->lock);
}

static int give_pages(struct driver *d, struct pipeline *p, struct err *err)
{
    struct digest digest;
    AUTO_BUF bytes = BUF_INIT(INDEX_MAX_BYTES + SEAL_TAG_BYTES);
    while (pipeline_needs_page(p, &digest)) {
        int rc = objects_index_get(d->objects, d->secret, &digest, &bytes, err);
        if (!rc)
            rc = pipeline_give_page(p, &digest, bytes.data, bytes.length, err);
        if (rc)
            return rc;
    }
    return 0;
}

static int deliver_once(struct driver *d, struct pipeline *p,
                        const struct asked *asked, uint8_t *data,
                        struct err *err)
{
    size_t length;
    int rc = objects_read(d->objects, &asked->name, data, asked->length,
                          &length, err);
    if (rc)
        return rc;
    d->delivered++;
    if (d->count_fd && write(d->count_fd, "", 1) != 1)
        return err_set(err, ERR_IO, "nobody counts");
    if (d->flip_every && d->delivered % d->flip_every == 0)
        data[length / 2] ^= 1;
    return pipeline_deliver(p, &asked->name, data, length, err);
}

/* Tries again when it was refused, as a transport does. */
static int deliver(struct driver *d, struct pipeline *p,
                   const struct asked *asked, uint8_t *data, struct err *err)
{
    int rc;
    while ((rc = deliver_once(d, p, asked, data, err)) == ERR_VERIFY)
        d->refused++;
    if (d->checkpoint_every && d->delivered % d->checkpoint_every == 0)
        pipeline_checkpoint(p);
    return rc;
}

/* The disk begins to read what will be asked for soon, as a server's disk does
 * when several engines and connections ask. */
static void read_ahead(const struct driver *d, const struct digest *name)
{
    uint64_t length;
    AUTO_CLOSE int fd = objects_fd(d->objects, name, &length, NULL);
    if (fd >= 0)
        (void)posix_fadvise(fd, 0, (off_t)length, POSIX_FADV_WILLNEED);
}

/* Asks and delivers until there is nothing more to ask for; false when the
 * limit of deliveries is reached. */
static int fetch(struct driver *d, struct pipeline *p, uint8_t *data,
                 bool *ret_limit, struct err *err)
{
    struct asked asked[MAX_IN_FLIGHT];
    size_t count = 0;
    for (;;) {
        while (count < d->max_in_flight &&
               pipeline_next_wanted(p, 0, &asked[count].name,
                                    &asked[count].length))
            read_ahead(d, &asked[count++].name);
        if (!count)
            return 0;
        if (d->deliver_at_most && d->delivered >= d->deliver_at_most) {
            *ret_limit = true;
            return 0;
        }
        struct asked one = asked[d->reverse ? count - 1 : 0];
        if (!d->reverse)
            memmove(asked, asked + 1, (count - 1) * sizeof(*asked));
        count--;
        int rc = deliver(d, p, &one, data, err);
        if (rc == ERR_NOT_FOUND && pipeline_state(p, NULL) != PIPELINE_RUNNING)
            return 0;
        if (rc)
            return rc;
    }
}

int driver_run(struct driver *d, struct pipeline_spec *spec,
               struct pipeline_progress *ret_progress, struct err *err)
{
    struct pipeline *p;
    spec->wake = wake;
    spec->on_checkpoint = keep_checkpoint;
    spec->arg = d;
    int rc = pipeline_new(spec, &p, err);
    if (rc)
        return rc;
    size_t max = object_max_bytes((size_t)1 << spec->manifest->chunk_shift);
    AUTO_FREE uint8_t *data = malloc(max);
    bool limit = false;
    enum pipeline_state state = PIPELINE_RUNNING;
    while (!rc && !limit && state == PIPELINE_RUNNING) {
        rc = give_pages(d, p, err);
        if (!rc)
            rc = fetch(d, p, data, &limit, err);
        state = pipeline_state(p, err);
        if (!rc && !limit && state == PIPELINE_RUNNING)
            wait_for_wake(d);
    }
    if (!rc && state == PIPELINE_FAILED)
        rc = err ? err->code : ERR_IO;
    if (ret_progress)
        pipeline_progress(p, ret_progress);
    pipeline_free(p);
    return rc;
}
