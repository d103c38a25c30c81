/* SPDX-License-Identifier: Apache-2.0 */
/* What the pipeline process tells PID 1: progress, lines of its log,
 * checkpoints, its end. */
#include <string.h>

#include "core/engine/pipeline/pipeline-parts.h"

void pipeline_tell(struct process *p, json_t *head)
{
    struct err err = ERR_INIT;

    if (channel_send(p->channel, head, NULL, 0, NULL, 0, &err) != 0)
        loop_stop(p->loop); /* nobody is there any more */
}

struct note {
    struct process *process;
    enum log_level level;
    char text[];
};

static void tell_note(void *arg)
{
    struct note *note = arg;

    pipeline_tell(note->process,
                  json_pack("{s:s, s:i, s:s}", "type", "note", "level",
                            (int)note->level, "text", note->text));
    free(note);
}

/* Any thread: the log goes to PID 1, which has the console. */
void pipeline_tell_line(void *arg, enum log_level level, const char *line)
{
    struct process *p = arg;
    size_t length = strlen(line);
    struct note *note = malloc(sizeof(*note) + length + 1);

    if (!note)
        return;
    note->process = p;
    note->level = level;
    memcpy(note->text, line, length + 1);
    if (loop_post(p->loop, tell_note, note) != 0)
        free(note);
}

void pipeline_tell_progress(struct process *p)
{
    struct pipeline_progress progress;

    pipeline_progress(p->pipeline, &progress);
    pipeline_tell(p, json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
                               "type", "progress", "total",
                               (json_int_t)progress.total_bytes, "done",
                               (json_int_t)progress.done_bytes, "fetched",
                               (json_int_t)progress.fetched_bytes, "written",
                               (json_int_t)progress.written_bytes, "kept",
                               (json_int_t)progress.kept_bytes, "compared",
                               (json_int_t)progress.compared_bytes, "refused",
                               (json_int_t)progress.refused));
}

static json_t *result_of(struct process *p)
{
    struct pipeline_progress progress;

    if (!p->pipeline)
        return json_object();
    pipeline_progress(p->pipeline, &progress);
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "bytes_total",
                     (json_int_t)progress.total_bytes, "bytes_written",
                     (json_int_t)progress.written_bytes, "bytes_kept",
                     (json_int_t)progress.kept_bytes, "bytes_compared",
                     (json_int_t)progress.compared_bytes, "bytes_fetched",
                     (json_int_t)progress.fetched_bytes, "objects_refused",
                     (json_int_t)progress.refused);
}

void pipeline_finish(struct process *p, int code, const char *sentence)
{
    if (p->over)
        return;
    p->over = true;
    if (p->pipeline)
        pipeline_tell_progress(p);
    pipeline_tell(p, json_pack("{s:s, s:i, s:s, s:o}", "type", "done", "code",
                               -code, "sentence", sentence, "result",
                               result_of(p)));
    p->exit_status = code ? 1 : 0;
}

struct checkpoint {
    struct process *process;
    size_t length;
    uint8_t data[];
};

static void tell_checkpoint(void *arg)
{
    struct checkpoint *c = arg;
    struct err err = ERR_INIT;

    if (!c->process->over &&
        channel_send(c->process->channel,
                     json_pack("{s:s}", "type", "checkpoint"), c->data,
                     c->length, NULL, 0, &err) != 0)
        loop_stop(c->process->loop);
    free(c);
}

void pipeline_tell_checkpoint(void *arg, const void *data, size_t length)
{
    struct process *p = arg;
    struct checkpoint *c = malloc(sizeof(*c) + length);

    if (!c)
        return;
    c->process = p;
    c->length = length;
    memcpy(c->data, data, length);
    if (loop_post(p->loop, tell_checkpoint, c) != 0)
        free(c);
}
