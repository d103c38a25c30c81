/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/pipeline/pipeline-client.h"

#include <stdio.h>
#include <string.h>

#include "core/util/channel.h"
#include "core/util/child.h"
#include "core/util/file.h"
#include "core/util/json.h"
#include "core/util/log.h"

#define MAX_QUEUED 64

struct pipeline_client {
    struct loop *loop;
    struct child *child;
    struct channel *channel;
    struct pipeline_client_handlers handlers;
    void *arg;
    bool over; /* done was told */
};

static void tell_done(struct pipeline_client *client, int code,
                      const char *sentence, const json_t *result)
{
    if (client->over)
        return;
    client->over = true;
    client->handlers.done(client->arg, code, sentence, result);
}

/* ---- from the process --------------------------------------------------- */

static int take_want_page(struct pipeline_client *client, struct json_reader *r,
                          struct err *err)
{
    const char *hex = json_get_text(r, "digest");
    struct digest digest;

    if (json_done(r) != 0)
        return r->code;
    if (digest_parse(hex, &digest, err) != 0)
        return err->code;
    client->handlers.want_page(client->arg, &digest);
    return 0;
}

static int take_progress(struct pipeline_client *client, struct json_reader *r)
{
    struct pipeline_progress progress = {
        .total_bytes = json_get_u64(r, "total", 0, IMAGE_BYTES_MAX),
        .done_bytes = json_get_u64(r, "done", 0, IMAGE_BYTES_MAX),
        .fetched_bytes = json_get_u64(r, "fetched", 0, INT64_MAX),
        .written_bytes = json_get_u64(r, "written", 0, INT64_MAX),
        .kept_bytes = json_get_u64(r, "kept", 0, INT64_MAX),
        .compared_bytes = json_get_u64(r, "compared", 0, INT64_MAX),
        .refused = json_get_u64(r, "refused", 0, INT64_MAX),
    };

    if (json_done(r) != 0)
        return r->code;
    client->handlers.progress(client->arg, &progress);
    return 0;
}

static int take_note(struct pipeline_client *client, struct json_reader *r)
{
    uint64_t level = json_get_u64(r, "level", 0, SLIPWAY_LOG_DEBUG);
    const char *text = json_get_text(r, "text");

    if (json_done(r) != 0)
        return r->code;
    client->handlers.note(client->arg, (unsigned)level, text);
    return 0;
}

static int take_checkpoint(struct pipeline_client *client,
                           struct json_reader *r,
                           const struct channel_message *message)
{
    if (json_done(r) != 0)
        return r->code;
    client->handlers.checkpoint(client->arg, message->data, message->length);
    return 0;
}

static int take_done(struct pipeline_client *client, struct json_reader *r)
{
    /* As a positive number: JSON numbers of ours have no sign. */
    uint64_t code = json_get_u64(r, "code", 0, 100);
    const char *sentence = json_get_text(r, "sentence");
    const json_t *result = json_get_object(r, "result");

    if (json_done(r) != 0)
        return r->code;
    tell_done(client, -(int)code, sentence, result);
    return 0;
}

static void on_message(void *arg, struct channel_message *message)
{
    struct pipeline_client *client = arg;
    struct err err = ERR_INIT;
    struct json_reader r;
    const char *type;
    int code;

    json_reader_init(&r, message->head, "", &err);
    type = json_get_text(&r, "type");
    if (strcmp(type, "want-page") == 0)
        code = take_want_page(client, &r, &err);
    else if (strcmp(type, "progress") == 0)
        code = take_progress(client, &r);
    else if (strcmp(type, "note") == 0)
        code = take_note(client, &r);
    else if (strcmp(type, "checkpoint") == 0)
        code = take_checkpoint(client, &r, message);
    else if (strcmp(type, "done") == 0)
        code = take_done(client, &r);
    else
        code = err_set(&err, ERR_INVALID, "its message has no known type");
    if (code) {
        char sentence[ERR_TEXT_BYTES + 64];

        (void)snprintf(sentence, sizeof(sentence),
                       "the pipeline process is not understood: %s", err.text);
        tell_done(client, ERR_INTERNAL, sentence, NULL);
    }
}

/* Its end says more than the end of its channel. */
static void on_closed(void *arg, const char *why)
{
    (void)arg;
    log_debug("the pipeline process has closed its channel: %s", why);
}

static const struct channel_handlers channel_handlers = {
    .on_message = on_message,
    .on_closed = on_closed,
};

static void on_ended(void *arg, int status, bool timed_out)
{
    struct pipeline_client *client = arg;
    char sentence[160];

    (void)timed_out;
    if (!channel_drain(client->channel))
        return;
    (void)snprintf(sentence, sizeof(sentence),
                   status < 256 ? "the pipeline process ended with status %d "
                                  "before its work was done"
                                : "the pipeline process was ended by signal %d",
                   status < 256 ? status : status - 256);
    tell_done(client, ERR_INTERNAL, sentence, NULL);
}

/* ---- to the process ----------------------------------------------------- */

static json_t *texts(const char *const *list, size_t count)
{
    json_t *array = json_array();

    for (size_t i = 0; array && i < count; i++)
        (void)json_array_append_new(array, json_string(list[i]));
    return array;
}

static json_t *ranges(const struct pipeline_range *list, size_t count)
{
    json_t *array = json_array();

    for (size_t i = 0; array && i < count; i++)
        (void)json_array_append_new(
            array, json_pack("[I, I]", (json_int_t)list[i].offset,
                             (json_int_t)list[i].length));
    return array;
}

static const char *mode_word(enum pipeline_mode mode)
{
    return mode == PIPELINE_FRESH    ? "fresh"
           : mode == PIPELINE_RESUME ? "resume"
                                     : "verify";
}

static int send_start(struct pipeline_client *client,
                      const struct pipeline_job *job, struct err *err)
{
    AUTO_CLOSE int manifest =
        file_sealed_memfd("manifest", job->manifest, job->manifest_length, err);
    AUTO_CLOSE int checkpoint =
        job->checkpoint_length == 0
            ? -1
            : file_sealed_memfd("checkpoint", job->checkpoint,
                                job->checkpoint_length, err);
    json_t *head;

    if (manifest < 0 || (job->checkpoint_length > 0 && checkpoint < 0))
        return err->code;
    head = json_pack("{s:s, s:s, s:s, s:I, s:I, s:o, s:o, s:o, s:s}", "type",
                     "start", "mode", mode_word(job->mode), "device",
                     job->device ? job->device : "the device", "device_bytes",
                     (json_int_t)job->device_bytes, "sector_bytes",
                     (json_int_t)job->sector_bytes, "excluded",
                     ranges(job->excluded, job->excluded_count), "transports",
                     texts(job->transports, job->transport_count), "servers",
                     texts(job->servers, job->server_count), "plugin_dir",
                     job->plugin_dir);
    return channel_send(client->channel, head, NULL, 0,
                        (const int[]){job->device_fd, manifest, checkpoint},
                        checkpoint < 0 ? 2 : 3, err);
}

static int start(struct pipeline_client *client, const struct pipeline_job *job,
                 struct err *err)
{
    static const char *const argv[] = {"/proc/self/exe", "pipeline", NULL};
    AUTO_CLOSE int child_end = -1;
    int pair[2];

    if (channel_pair(pair, err) != 0)
        return err->code;
    child_end = pair[1];
    client->channel = channel_new(client->loop, pair[0], MAX_QUEUED,
                                  &channel_handlers, client, err);
    if (!client->channel) {
        (void)close(pair[0]);
        return err->code;
    }
    client->child = child_start(client->loop,
                                &(struct child_spec){
                                    .argv = argv,
                                    .keep_fds = &child_end,
                                    .keep_fd_count = 1,
                                    .stdin_fd = -1,
                                    .stdout_fd = -1,
                                    .stderr_fd = -1,
                                },
                                on_ended, client, err);
    if (!client->child)
        return err->code;
    return send_start(client, job, err);
}

struct pipeline_client *
pipeline_client_start(struct loop *loop, const struct pipeline_job *job,
                      const struct pipeline_client_handlers *handlers,
                      void *arg, struct err *err)
{
    struct pipeline_client *client = calloc(1, sizeof(*client));
    struct err local = ERR_INIT;

    if (!client) {
        (void)err_set(err, ERR_NO_MEMORY, "no memory for the pipeline");
        return NULL;
    }
    client->loop = loop;
    client->handlers = *handlers;
    client->arg = arg;
    if (start(client, job, &local) != 0) {
        (void)err_set(err, local.code,
                      "the pipeline process cannot be started: %s", local.text);
        pipeline_client_free(client);
        return NULL;
    }
    return client;
}

void pipeline_client_free(struct pipeline_client *client)
{
    if (!client)
        return;
    channel_free(client->channel);
    child_free(client->child);
    free(client);
}

void pipeline_client_page(struct pipeline_client *client,
                          const struct digest *digest, int code,
                          const char *sentence, const void *data, size_t length)
{
    char hex[DIGEST_HEX_BYTES];
    struct err err = ERR_INIT;
    AUTO_CLOSE int fd =
        code ? -1 : file_sealed_memfd("page", data, length, &err);

    if (!code && fd < 0) {
        code = err.code;
        sentence = err.text;
    }
    if (channel_send(client->channel,
                     json_pack("{s:s, s:s, s:i, s:s}", "type", "page", "digest",
                               digest_hex(digest, hex), "code", -code,
                               "sentence", code ? sentence : ""),
                     NULL, 0, &fd, fd >= 0 ? 1 : 0, &err) != 0)
        log_debug("the pipeline process does not get a page: %s", err.text);
}

void pipeline_client_servers(struct pipeline_client *client,
                             const char *const *servers, size_t count)
{
    struct err err = ERR_INIT;

    if (channel_send(client->channel,
                     json_pack("{s:s, s:o}", "type", "servers", "servers",
                               texts(servers, count)),
                     NULL, 0, NULL, 0, &err) != 0)
        log_debug("the pipeline process does not get the servers: %s",
                  err.text);
}
