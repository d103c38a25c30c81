/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The catalogue of images: documents "/v1/image/<name>@<revision>" in the
 * store, kept in a table in memory too, and the object store behind them.
 *
 * A new content of a name is a new revision, counted from 1 and never used
 * twice: a deleted revision leaves a document that says so.
 *
 * Loop thread only; completions run on the loop, never inside the call.
 */
#ifndef CORE_SERVER_IMAGES_IMAGES_H
#define CORE_SERVER_IMAGES_IMAGES_H

#include "core/image/disk-format.h"
#include "core/image/manifest.h"
#include "core/server/server.h"
#include "core/util/buf.h"

#define IMAGE_ID_BYTES (IMAGE_NAME_BYTES + 12) /* "name@revision" */

struct image {
    char id[IMAGE_ID_BYTES];
    char name[IMAGE_NAME_BYTES];
    uint64_t revision;
    enum image_kind kind;
    uint64_t size_bytes;
    uint64_t stored_bytes;
    uint32_t sector_bytes;
    int64_t made_s;
    struct digest manifest;
    struct digest index_root;
    char upload[33];         /* the upload it came from; "" = none */
    char min_tier[16];       /* lowest tier of a host that may get it */
    uint64_t store_revision; /* the ETag */
    bool deleted;
};

/* Opens the object store and clears up after killed imports; blocks. */
int images_new(struct server *server, struct images **ret, struct err *err);
/* Imports that run end without an image. */
void images_free(struct images *images);
/* Fills the table from the store; done(arg, err): err NULL = ready. */
void images_load(struct images *images,
                 void (*done)(void *arg, const struct err *err), void *arg);

/* "debian-12" = its newest revision, "debian-12@3" = that one; NULL when there
 * is none.  Borrowed until control returns to the loop. */
const struct image *images_find(const struct images *images, const char *ref);
const struct image *images_by_manifest(const struct images *images,
                                       const struct digest *manifest);
/* The image that an upload became, also when it was deleted since. */
const struct image *images_by_upload(const struct images *images,
                                     const char *upload);
/* The image whose id follows `id` (NULL = the first); deleted ones are left
 * out. */
const struct image *images_after(const struct images *images, const char *id);
/* What clients see of it. */
json_t *image_json(const struct image *image);

/* Asked before an image is deleted: a sentence naming what needs it in `why`,
 * or false.  The tasks set this. */
typedef bool image_in_use(void *arg, const struct image *image, char *why,
                          size_t why_bytes);
void images_set_in_use(struct images *images, image_in_use *in_use, void *arg);
/* ERR_CONFLICT while it is in use or its document has another revision; `done`
 * is called only when 0 is returned. */
int images_delete(struct images *images, const char *id,
                  uint64_t store_revision,
                  void (*done)(void *arg, const struct err *err), void *arg,
                  struct err *err);

/*
 * A signed manifest: its exact text and signature.  Checked before it is handed
 * out: a damaged file is ERR_CORRUPT and names it.  Borrowed.
 */
typedef void image_manifest_got(void *arg, const void *text, size_t length,
                                const uint8_t *signature,
                                const struct err *err);
void images_manifest(struct images *images, const struct digest *manifest,
                     image_manifest_got *got, void *arg);
/* The root or a page of the index of that image, plain bytes; ERR_NOT_FOUND
 * when `page` is neither of this image. */
typedef void image_page_got(void *arg, const void *data, size_t length,
                            const struct err *err);
void images_index(struct images *images, const struct digest *manifest,
                  const struct digest *page, image_page_got *got, void *arg);

/* One import. */
struct image_import;
struct image_import_spec {
    const char *name; /* copied */
    enum image_kind kind;
    enum disk_format format;
    uint64_t size_bytes; /* of what is sent */
    uint32_t sector_bytes;
    const char *min_tier;
    const char *actor;  /* for events */
    const char *upload; /* its id */
    int state_fd;       /* the file in which the worker keeps what it needs to
                           go on; borrowed during the call */
    /* What is told: from where the content is wanted; that it ended early,
     * `offset_bytes` of it are kept and the import is gone; how far it is. */
    void (*begun)(void *arg, uint64_t offset_bytes);
    void (*kept)(void *arg, uint64_t offset_bytes, const struct err *why);
    void (*progress)(void *arg, uint64_t done_bytes, uint64_t size_bytes);
    /* `image` is in the catalogue, durably; or err.  Called once, after which
     * the import is gone. */
    void (*done)(void *arg, const struct image *image, const struct err *err);
    void *arg;
};
/* Whether such an import may be begun at all. */
int image_import_check(const struct image_import_spec *spec, struct err *err);
/*
 * Starts an import worker.  *ret_fd is the write end of a pipe, the caller's:
 * the content goes there, and closing it ends the content.
 */
int image_import_begin(struct images *images,
                       const struct image_import_spec *spec, int *ret_fd,
                       struct image_import **ret, struct err *err);
/* When the oldest import that runs began; INT64_MAX. */
int64_t images_oldest_import_s(const struct images *images);
/* What of an image is exported, and how (export.h). */
struct image_part {
    bool framed;
    uint64_t offset_bytes; /* both inside of the image */
    uint64_t length_bytes;
};
/*
 * Starts an export worker.  *ret_fd is the read end of a pipe, the caller's:
 * the plain content comes from there (export.h).  Whoever closes it ends it.
 */
int image_export_begin(struct images *images, const struct image *image,
                       const struct image_part *part, int *ret_fd,
                       struct err *err);
/* Gives it up; `done` is not called any more. */
void image_import_cancel(struct image_import *import);

#endif
