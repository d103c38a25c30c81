/* SPDX-License-Identifier: Apache-2.0 */
#include "core/server/workers/worker-job.h"

#include <assert.h>
#include <signal.h>
#include <string.h>

#include "core/server/workers/worker-main.h"
#include "core/util/crypto.h"

static int take(const struct worker_job *job, struct channel_message *message,
                void *keys, int *fds, struct err *err)
{
    if (message->length != job->key_bytes)
        return err_set(err, ERR_INTERNAL, "the %s worker lacks its keys",
                       job->name);
    for (size_t i = 0; i < job->fds; i++) {
        fds[i] = TAKE_FD(message->fds[i]);
        if (fds[i] < 0 && i < job->fds_needed)
            return err_set(err, ERR_INTERNAL,
                           "the %s worker lacks a descriptor", job->name);
    }
    memcpy(keys, message->data, message->length);
    return 0;
}

int worker_job_receive(const struct worker_job *job, void *keys, int *fds,
                       json_t **ret_head, struct err *err)
{
    struct channel_message message;
    assert(job->fds <= CHANNEL_MAX_FDS);
    (void)signal(SIGPIPE, SIG_IGN);
    int rc = channel_receive(WORKER_CHANNEL_FD, &message, err);
    if (rc)
        return rc;
    rc = take(job, &message, keys, fds, err);
    if (!rc)
        *ret_head = json_incref(message.head);
    if (message.length)
        secret_wipe((void *)message.data, message.length);
    channel_message_done(&message);
    return rc;
}

int worker_job_tell(json_t *message)
{
    return channel_send_now(WORKER_CHANNEL_FD, message, NULL, 0, NULL, 0, NULL);
}

json_t *worker_job_failure(const struct err *err)
{
    return json_pack("{s:s, s:i, s:s}", "type", "failed", "code", err->code,
                     "message", err->text);
}
