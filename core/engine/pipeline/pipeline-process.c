/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/pipeline/pipeline-process.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/engine/pipeline/pipeline-parts.h"
#include "core/util/file.h"
#include "core/util/json.h"

#define CHANNEL_FD 3
#define MAX_QUEUED 1024
#define PROGRESS_MS 250
/* Each one syncs the device: seldom enough not to be felt, often enough that
 * an attempt that is lost costs little. */
#define CHECKPOINT_MS 5000
/* When nobody can get an object: how often, and how soon, all are asked
 * again.  Servers get new objects, and networks mend. */
#define MAX_ROUNDS 5
#define ROUND_MS 2000

/* ---- for the transports ------------------------------------------------- */

static int next_wanted(void *arg, struct digest *ret_name, uint64_t *ret_length)
{
    struct transport *t = arg;

    if (t->process->over)
        return 0;
    return pipeline_next_wanted(t->process->pipeline, t->number, ret_name,
                                ret_length);
}

static int deliver(void *arg, const struct digest *name, const void *data,
                   size_t length)
{
    struct transport *t = arg;
    struct err err = ERR_INIT;
    int code = pipeline_deliver(t->process->pipeline, name, data, length, &err);

    if (code == ERR_VERIFY)
        return SLIPWAY_EVERIFY;
    if (code && code != ERR_NOT_FOUND)
        return SLIPWAY_EINTERNAL;
    return SLIPWAY_OK; /* also when nobody wants it any more */
}

static void next_round(void *arg)
{
    struct process *p = arg;

    p->round_timer = NULL;
    pipeline_forgive(p->pipeline);
    for (size_t i = 0; i < p->transport_count && !p->over; i++)
        fetch_host_wanted(p->transports[i].host);
}

/* Image, place and object, for somebody who reads it on another machine. */
static void say_what_lacks(struct process *p, const struct digest *name,
                           const char *why, char out[ERR_TEXT_BYTES])
{
    const struct manifest *m = &p->start.manifest;
    char hex[DIGEST_HEX_BYTES];
    char place[64] = "";
    uint64_t offset;
    uint64_t length;

    if (pipeline_waits_for(p->pipeline, name, &offset, &length))
        (void)snprintf(place, sizeof(place),
                       "bytes %" PRIu64 " to %" PRIu64 ", ", offset,
                       offset + length);
    (void)snprintf(out, ERR_TEXT_BYTES,
                   "image '%s@%" PRIu64 "': %sobject %s cannot be had: %.250s",
                   m->name, m->revision, place, digest_hex(name, hex), why);
}

static void give_up(void *arg, const struct digest *name, const char *sentence)
{
    struct transport *t = arg;
    struct process *p = t->process;
    struct pipeline_progress progress;
    char text[ERR_TEXT_BYTES];
    unsigned left = pipeline_give_up(p->pipeline, t->number, name,
                                     (unsigned)p->transport_count);

    if (left || p->over || p->round_timer)
        return;
    pipeline_progress(p->pipeline, &progress);
    if (progress.fetched_bytes != p->rounds_fetched)
        p->rounds = 0;
    p->rounds_fetched = progress.fetched_bytes;
    say_what_lacks(p, name, sentence, text);
    if (p->rounds++ < MAX_ROUNDS) {
        log_warn("%s; trying again", text);
        p->round_timer = loop_timer(p->loop, ROUND_MS, next_round, p);
        return;
    }
    pipeline_finish(p, ERR_UNAVAILABLE, text);
}

static const char *server(void *arg, size_t index)
{
    const struct transport *t = arg;

    return index < t->process->server_count ? t->process->servers[index] : NULL;
}

static int load_transport(struct process *p, const char *dir, const char *name,
                          struct err *err)
{
    struct transport *t = &p->transports[p->transport_count];
    struct plugin_place place = {
        .dir = dir,
        .kind = SLIPWAY_KIND_TRANSPORT,
        .name = name,
        .owner = getuid(),
    };
    struct fetch_host_spec spec = {
        .loop = p->loop,
        .gets = p->gets,
        .next_wanted = next_wanted,
        .deliver = deliver,
        .give_up = give_up,
        .server = server,
        .arg = t,
    };
    struct digest digest;
    int fd;

    /* They came with the engine itself: its own bytes are what is expected. */
    if (plugin_file_open(&place, &fd, &digest, err) != 0 ||
        plugin_load(fd, SLIPWAY_KIND_TRANSPORT, name, &digest, &spec.plugin,
                    err) != 0)
        return err->code;
    t->process = p;
    t->number = (unsigned)p->transport_count;
    t->host = fetch_host_new(&spec, err);
    if (!t->host)
        return err->code;
    p->transport_count++;
    return 0;
}

/* One that does not start is left out: the next one of the plan does it. */
static int load_transports(struct process *p, const char *dir,
                           const json_t *names, struct err *err)
{
    const json_t *name;
    size_t i;

    json_array_foreach(names, i, name)
    {
        struct err local = ERR_INIT;

        if (p->transport_count == PIPELINE_MAX_TRANSPORTS)
            break;
        if (load_transport(p, dir, json_string_value(name), &local) != 0)
            log_warn("going on without a transport: %s", local.text);
    }
    if (p->transport_count == 0)
        return err_set(err, ERR_UNSUPPORTED,
                       "none of the plan's transports can be used by this "
                       "engine");
    return 0;
}

/* ---- the pipeline ------------------------------------------------------- */

static void ask_for_pages(struct process *p)
{
    struct digest digest;
    char hex[DIGEST_HEX_BYTES];

    while (pipeline_needs_page(p->pipeline, &digest) == 1)
        pipeline_tell(p, json_pack("{s:s, s:s}", "type", "want-page", "digest",
                                   digest_hex(&digest, hex)));
}

static void on_wake(void *arg)
{
    struct process *p = arg;
    struct err err = ERR_INIT;

    atomic_store(&p->waking, false);
    if (p->over)
        return;
    switch (pipeline_state(p->pipeline, &err)) {
    case PIPELINE_DONE:
        pipeline_finish(p, 0, "");
        return;
    case PIPELINE_FAILED:
        pipeline_finish(p, err.code ? err.code : ERR_INTERNAL, err.text);
        return;
    case PIPELINE_RUNNING:
        break;
    }
    ask_for_pages(p);
    for (size_t i = 0; i < p->transport_count && !p->over; i++)
        fetch_host_wanted(p->transports[i].host);
}

/* Any thread. */
static void wake(void *arg)
{
    struct process *p = arg;

    if (!atomic_exchange(&p->waking, true) &&
        loop_post(p->loop, on_wake, p) != 0)
        atomic_store(&p->waking, false);
}

static void on_progress(void *arg)
{
    struct process *p = arg;

    p->progress_timer = NULL;
    if (p->over)
        return;
    pipeline_tell_progress(p);
    p->progress_timer = loop_timer(p->loop, PROGRESS_MS, on_progress, p);
}

static void on_checkpoint_due(void *arg)
{
    struct process *p = arg;

    p->checkpoint_timer = NULL;
    if (p->over)
        return;
    pipeline_checkpoint(p->pipeline);
    p->checkpoint_timer =
        loop_timer(p->loop, CHECKPOINT_MS, on_checkpoint_due, p);
}

/* ---- from PID 1 --------------------------------------------------------- */

static int take_servers(struct process *p, const json_t *list, struct err *err)
{
    const json_t *server_name;
    size_t i;

    p->server_count = 0;
    json_array_foreach(list, i, server_name)
    {
        const char *text = json_string_value(server_name);

        if (!text || strlen(text) >= PIPELINE_SERVER_BYTES)
            return err_set(err, ERR_INVALID, "a server's name is not valid");
        if (p->server_count < PIPELINE_MAX_SERVERS)
            (void)snprintf(p->servers[p->server_count++], PIPELINE_SERVER_BYTES,
                           "%s", text);
    }
    return 0;
}

static int start_pipeline(struct process *p, struct err *err)
{
    const struct pipeline_start *start = &p->start;
    struct pipeline_spec spec = {
        .mode = start->mode,
        .fd = p->device_fd,
        .device = start->device,
        .device_bytes = start->device_bytes,
        .sector_bytes = start->sector_bytes,
        .manifest = &start->manifest,
        .excluded = start->excluded,
        .excluded_count = start->excluded_count,
        .checkpoint = start->checkpoint,
        .checkpoint_length = start->checkpoint_length,
        .wake = wake,
        .on_checkpoint = pipeline_tell_checkpoint,
        .arg = p,
    };
    struct stat status;

    if (spec.device_bytes == 0 && fstat(p->device_fd, &status) == 0)
        spec.device_bytes = (uint64_t)status.st_size;
    if (pipeline_new(&spec, &p->pipeline, err) != 0)
        return err->code;
    if (spec.mode != PIPELINE_VERIFY &&
        load_transports(p, start->plugin_dir, start->transports, err) != 0)
        return err->code;
    p->progress_timer = loop_timer(p->loop, PROGRESS_MS, on_progress, p);
    if (spec.mode != PIPELINE_VERIFY)
        p->checkpoint_timer =
            loop_timer(p->loop, CHECKPOINT_MS, on_checkpoint_due, p);
    wake(p);
    return 0;
}

static int take_start(struct process *p, struct channel_message *message,
                      struct err *err)
{
    if (p->pipeline)
        return err_set(err, ERR_INVALID, "the pipeline runs already");
    pipeline_start_done(&p->start);
    if (pipeline_start_parse(message, &p->start, err) != 0 ||
        take_servers(p, p->start.servers, err) != 0)
        return err->code;
    p->device_fd = TAKE_FD(message->fds[0]);
    return start_pipeline(p, err);
}

static int give_page(struct process *p, const struct digest *digest, int fd,
                     struct err *err)
{
    AUTO_FREE uint8_t *data = NULL;
    struct stat status;
    int code;

    if (fd < 0 || fstat(fd, &status) != 0 || status.st_size <= 0 ||
        (uint64_t)status.st_size > INDEX_MAX_BYTES)
        return err_set(err, ERR_INVALID, "a page of the index has no bytes");
    data = malloc((size_t)status.st_size);
    if (!data)
        return err_set(err, ERR_NO_MEMORY, "no memory for a page of the index");
    code = file_pread_all(fd, data, (size_t)status.st_size, 0, err);
    if (code == 0)
        code = pipeline_give_page(p->pipeline, digest, data,
                                  (size_t)status.st_size, err);
    secret_wipe(data, (size_t)status.st_size);
    return code;
}

static int take_page(struct process *p, struct channel_message *message,
                     struct err *err)
{
    struct json_reader r;
    struct digest digest;
    const char *hex;
    const char *sentence;
    uint64_t code;

    json_reader_init(&r, message->head, "", err);
    (void)json_get_text(&r, "type");
    hex = json_get_text(&r, "digest");
    code = json_get_u64(&r, "code", 0, 100);
    sentence = json_get_text(&r, "sentence");
    if (json_done(&r) != 0)
        return r.code;
    if (code)
        return err_set(err, -(int)code,
                       "a page of the image's index cannot be had: %.400s",
                       sentence);
    if (!p->pipeline)
        return err_set(err, ERR_INVALID, "a page came before the start");
    if (digest_parse(hex, &digest, err) != 0)
        return err->code;
    if (give_page(p, &digest, message->fds[0], err) != 0)
        return err->code;
    wake(p);
    return 0;
}

static void on_message(void *arg, struct channel_message *message)
{
    struct process *p = arg;
    struct err err = ERR_INIT;
    const char *type =
        json_string_value(json_object_get(message->head, "type"));
    int code;

    if (p->over)
        return;
    if (type && strcmp(type, "start") == 0)
        code = take_start(p, message, &err);
    else if (type && strcmp(type, "page") == 0)
        code = take_page(p, message, &err);
    else if (type && strcmp(type, "servers") == 0)
        code = take_servers(p, json_object_get(message->head, "servers"), &err);
    else
        code = err_set(&err, ERR_INVALID, "a message has no known type");
    if (code)
        pipeline_finish(p, code, err.text);
}

static void on_closed(void *arg, const char *why)
{
    struct process *p = arg;

    (void)why;
    loop_stop(p->loop);
}

static const struct channel_handlers channel_handlers = {
    .on_message = on_message,
    .on_closed = on_closed,
};

/* ---- life --------------------------------------------------------------- */

static void process_done(struct process *p)
{
    log_set_sink(NULL, NULL);
    for (size_t i = 0; i < p->transport_count; i++)
        fetch_host_free(p->transports[i].host);
    pipeline_free(p->pipeline);
    http_gets_free(p->gets);
    channel_free(p->channel);
    loop_timer_cancel(p->progress_timer);
    loop_timer_cancel(p->checkpoint_timer);
    loop_timer_cancel(p->round_timer);
    loop_free(p->loop);
    if (p->device_fd >= 0)
        (void)close(p->device_fd);
    pipeline_start_done(&p->start);
}

int pipeline_process_main(void)
{
    static struct process p; /* too large for a stack */
    struct err err = ERR_INIT;

    p.device_fd = -1;
    p.exit_status = 1;
    (void)signal(SIGPIPE, SIG_IGN);
    log_open("slipway-engine", LOG_INFO, LOG_FORMAT_TEXT);
    p.loop = loop_new(&seam_real, &err);
    if (p.loop) {
        p.gets = http_gets_new(p.loop, NULL);
        p.channel = channel_new(p.loop, CHANNEL_FD, MAX_QUEUED,
                                &channel_handlers, &p, &err);
    }
    if (!p.channel || !p.gets) {
        log_error("the pipeline process cannot start: %s", err.text);
    } else {
        log_set_sink(pipeline_tell_line, &p);
        loop_run(p.loop);
    }
    process_done(&p);
    return p.exit_status;
}
