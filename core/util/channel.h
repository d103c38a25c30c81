/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages between a process and its helpers over a SOCK_SEQPACKET socket
 * pair: a JSON object, optional bytes, optional descriptors.  The receiver
 * trusts none of it: sizes are bounded and JSON is checked.
 *
 * Wire: little-endian u32 length of the JSON text, the text, then the bytes;
 * descriptors by SCM_RIGHTS.
 */
#ifndef CORE_UTIL_CHANNEL_H
#define CORE_UTIL_CHANNEL_H

#include <jansson.h>

#include "core/util/loop.h"

#define CHANNEL_MAX_BYTES (64 * 1024) /* one message; SEQPACKET is atomic */
#define CHANNEL_MAX_FDS 4

struct channel;

struct channel_message {
    json_t *head;      /* an object; borrowed by handlers, owned after recv */
    const uint8_t *data;
    size_t length;
    int fds[CHANNEL_MAX_FDS]; /* -1 = none; a handler takes with TAKE_FD */
};

/* on_closed: the peer ended or sent garbage; the channel is dead then. */
struct channel_handlers {
    void (*on_message)(void *arg, struct channel_message *message);
    void (*on_closed)(void *arg, const char *why);
};

/* Two connected descriptors, close-on-exec. */
int channel_pair(int ret_fds[2], struct err *err);
/* Takes `fd`.  Sends are queued while the peer is slow, up to `max_queued`
 * messages, then fail. */
struct channel *channel_new(struct loop *loop, int fd, size_t max_queued,
                            const struct channel_handlers *handlers, void *arg,
                            struct err *err);
void channel_free(struct channel *channel);
/* Hands everything that has arrived to the handlers, for a peer that has ended:
 * its end is seen while its last messages still wait.  False when a handler
 * freed the channel, and what it belongs to with it. */
bool channel_drain(struct channel *channel);
/* Steals `head`; copies the bytes; duplicates the descriptors. */
int channel_send(struct channel *channel, json_t *head, const void *data,
                 size_t length, const int *fds, size_t fd_count,
                 struct err *err);
/* Handlers see no message until resumed. */
void channel_pause(struct channel *channel);
void channel_resume(struct channel *channel);

/* Without a loop, for a process that only asks: */
int channel_send_now(int fd, json_t *head, const void *data, size_t length,
                     const int *fds, size_t fd_count, struct err *err);
/* Blocks for one message; the caller frees it with channel_message_done.
 * ERR_UNAVAILABLE = the peer has closed. */
int channel_receive(int fd, struct channel_message *ret, struct err *err);
void channel_message_done(struct channel_message *message);

#endif
