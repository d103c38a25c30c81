/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Uploads: images that come in pieces and may be interrupted by anything.  An
 * upload is a document "/v1/upload/<id>" and a file uploads/<id> in the state
 * folder, in which the import worker keeps what it needs to go on: the journal
 * of a raw image, the spool of another format.
 *
 *   receiving --(last byte)--> importing --> done | failed
 *       ^                          |
 *       '---(no space, a worker died: send on)
 *
 * Between pieces a worker waits with its pipe; after UPLOAD_IDLE_MS it ends and
 * the next piece starts another.  The offset only says what need not be sent
 * again: after a crash it may be lower than before.  What is not finished
 * UPLOAD_KEPT_S after its last byte is removed; what is done or failed is
 * remembered as long.
 *
 * Loop thread only; completions run on the loop.
 */
#ifndef CORE_SERVER_IMAGES_UPLOADS_H
#define CORE_SERVER_IMAGES_UPLOADS_H

#include "core/server/images/images.h"

#define UPLOADS_MAX 16 /* unfinished at a time */
#define UPLOAD_PIECE_BYTES ((uint64_t)16 << 20)
#define UPLOAD_IDLE_MS (60 * 1000)
#define UPLOAD_KEPT_S (24 * 3600)
#define UPLOAD_SOURCE_BYTES 129
#define UPLOAD_ID_BYTES 33

enum upload_state {
    UPLOAD_RECEIVING,
    UPLOAD_IMPORTING,
    UPLOAD_DONE,
    UPLOAD_FAILED,
};

struct upload_spec {
    char id[UPLOAD_ID_BYTES];
    char name[IMAGE_NAME_BYTES];
    enum image_kind kind;
    enum disk_format format;
    uint64_t size_bytes; /* of what is sent */
    uint32_t sector_bytes;
    char min_tier[16];
    char source[UPLOAD_SOURCE_BYTES]; /* the client's name for its file */
    char actor[96];
};

struct uploads;
struct upload;

/* Opens the folder uploads/; blocks. */
int uploads_new(struct server *server, struct err *err);
/* Before the images. */
void uploads_free(struct server *server);
/* After the images were loaded.  Goes on with what was received whole. */
void uploads_load(struct uploads *uploads, void (*done)(void *arg,
                                                        const struct err *err),
                  void *arg);
/* Removes what is too old; each hour. */
void uploads_expire(struct uploads *uploads);

typedef void upload_made(void *arg, const struct upload *upload,
                         const struct err *err);
/* One with that id that is there already is told as made. */
void upload_create(struct uploads *uploads, const struct upload_spec *spec,
                   upload_made *made, void *arg);
struct upload *uploads_find(const struct uploads *uploads, const char *id);
const struct upload *uploads_after(const struct uploads *uploads,
                                   const char *id);
json_t *upload_json(const struct upload *upload);
/* Its import ends, its file and document go; done(arg, err). */
void upload_delete(struct uploads *uploads, struct upload *upload,
                   void (*done)(void *arg, const struct err *err), void *arg);
/* When the oldest of those that are not finished was made; INT64_MAX. */
int64_t uploads_oldest_s(const struct uploads *uploads);

/* A piece.  ready(arg, fd, NULL) once: write at most `length` bytes there,
 * close it and call upload_received; or ready(arg, -1, err), ERR_CONFLICT when
 * another offset is wanted. */
typedef void upload_ready(void *arg, int fd, const struct err *err);
void upload_receive(struct upload *upload, uint64_t offset, uint64_t length,
                    upload_ready *ready, void *arg);
/* `length` bytes came.  `broken`: the worker reads no more; settled(arg, err)
 * is then called when it is known why. */
typedef void upload_settled(void *arg, const struct upload *upload,
                            const struct err *err);
void upload_received(struct uploads *uploads, const char *id, uint64_t length,
                     bool broken, upload_settled *settled, void *arg);

#endif
