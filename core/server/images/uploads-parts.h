/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of uploads; for upload*.c only. */
#ifndef CORE_SERVER_IMAGES_UPLOADS_PARTS_H
#define CORE_SERVER_IMAGES_UPLOADS_PARTS_H

#include "core/server/store/store.h"
#include "core/server/store/table.h"
#include "core/server/images/uploads.h"
#include "core/util/loop.h"

#define UPLOAD_KEY_PREFIX "/v1/upload/"
#define UPLOAD_KEY_BYTES (sizeof(UPLOAD_KEY_PREFIX) + UPLOAD_ID_BYTES)
#define UPLOAD_DEATHS_MAX 3 /* of workers; then it is the file's fault */

struct uploads {
    struct server *server;
    int folder_fd;
    struct table table; /* struct upload by id */
    void (*loaded)(void *arg, const struct err *err);
    void *loaded_arg;
};

struct upload {
    struct uploads *uploads;
    struct upload_spec spec;
    enum upload_state state;
    int64_t created_s;
    int64_t touched_s; /* last byte, or end */
    char image[IMAGE_ID_BYTES];
    struct err why; /* why it failed or rests; code 0 = nothing */

    uint64_t offset_bytes;
    uint64_t done_bytes;  /* of disk_bytes, while it is converted */
    uint64_t disk_bytes;
    struct image_import *import; /* NULL: no worker */
    bool begun;                  /* the worker said what it wants */
    int pipe_fd;                 /* -1: nothing more is sent to it */
    bool sending;                /* a piece is on its way */
    unsigned deaths;
    struct loop_timer *idle;
    /* A piece that waits for the worker. */
    uint64_t wanted_bytes;
    upload_ready *ready;
    void *ready_arg;
    /* A piece that waits for the reason. */
    upload_settled *settled;
    void *settled_arg;
};

int64_t upload_now_s(const struct uploads *uploads);
const char *upload_state_word(enum upload_state state);
json_t *upload_document(const struct upload *upload);
/* Writes the document; a failure is logged, it only costs a repetition. */
void upload_save(struct upload *upload);
void upload_remove_file(const struct upload *upload);
/* What its file says of the offset, as long as no worker has looked at it. */
uint64_t upload_estimate(const struct upload *upload);
/* A document into the table. */
int upload_enter(void *uploads, const struct store_doc *doc, struct err *err);
/* Starts a worker; upload-import.c. */
int upload_start(struct upload *upload, struct err *err);
/* Ends the worker, if any, without a word. */
void upload_stop(struct upload *upload);
void upload_free(struct upload *upload);

#endif
