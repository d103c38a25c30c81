/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between PID 1 and `slipway-engine action NAME`: messages of the channel on
 * descriptor 3.  PID 1 sends "start" once, with the plugin's sealed file as
 * second descriptor; everything after that is a call of the action process
 * and, but for those marked with *, one reply {"code": N, ...}.
 *
 *   call            members                     reply members
 *   loaded          flags
 *   phase           phase: probe|prepare|run|verify
 *   log *           level, text
 *   progress *      permille, text
 *   fail *          code, sentence
 *   cancelled                                   code is 1 when it is
 *   disks                                       text: array of disk objects
 *   disk-select     param                       disk: id
 *   declare         disk, offset, length
 *   disk-open       disk, writable              descriptor
 *   image-facts     param                       text
 *   image-write     param, disk
 *   image-verify    param, disk
 *   personalise     param, disk; text, bytes
 *   disk-grow       param, disk
 *   blob-open       param                       length; descriptor
 *   lldp-open       port                        descriptor
 *   facts                                       text
 *   result          text
 *   ended           code                        (the process ends then)
 *
 * `param` is the name of the parameter.  A "text" is the content of a sealed
 * file passed as descriptor, because a message is small.
 */
#ifndef CORE_ENGINE_ACTIONS_ACTION_RPC_H
#define CORE_ENGINE_ACTIONS_ACTION_RPC_H

#include <jansson.h>

#include <slipway/action.h>

#include "core/util/buf.h"
#include "core/util/channel.h"
#include "core/util/err.h"

#define ACTION_CHANNEL_FD 3
#define ACTION_MAX_TEXT_BYTES (16u * 1024 * 1024)
#define ACTION_MAX_RESULT_BYTES SLIPWAY_RESULT_BYTES /* fits a report */
#define ACTION_MAX_FILES 64
#define ACTION_MAX_FILE_BYTES (1024u * 1024)
#define ACTION_MAX_ALL_FILES_BYTES (4u * 1024 * 1024)

enum action_phase {
    ACTION_LOADING,
    ACTION_PROBE,
    ACTION_PREPARE,
    ACTION_RUN,
    ACTION_VERIFY,
    ACTION_ENDED,
};

const char *action_phase_word(enum action_phase phase);
/* -1 for an unknown word. */
int action_phase_parse(const char *word, enum action_phase *ret);

/* A sealed file with this text; the caller closes it; -1 with err. */
int action_text_fd(const void *text, size_t length, struct err *err);
/* The whole content of a received descriptor, which must be a file in memory
 * or on disk of at most `ret->max` bytes: the sender is not trusted. */
int action_text_read(int fd, struct buf *ret, struct err *err);

#endif
