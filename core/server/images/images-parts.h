/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the catalogue; for images.c and image-*.c only. */
#ifndef CORE_SERVER_IMAGES_IMAGES_PARTS_H
#define CORE_SERVER_IMAGES_IMAGES_PARTS_H

#include "core/image/objects.h"
#include "core/server/images/images.h"
#include "core/server/store/table.h"

#define IMAGES_MAX_IMPORTS 4
#define IMAGES_MAX_EXPORTS 4
#define IMAGE_KEY_PREFIX "/v1/image/"
#define IMAGE_KEY_BYTES (IMAGE_ID_BYTES + 16)

/* The files, shared with jobs of the pool, which may outlive the catalogue.
 * Counted on the loop's thread; constant otherwise. */
struct image_files {
    unsigned references;
    struct objects *objects;
    struct seal_secret secret;
    struct signing_key signing;
    struct verify_key keys[2];
};

struct images {
    struct server *server;
    struct image_files *files;
    struct table table; /* struct image by id, deleted ones too */
    struct image_import *imports;
    unsigned import_count;
    struct image_export *exports;
    unsigned export_count;
    image_in_use *in_use;
    void *in_use_arg;
    struct image_load *load; /* a load that runs, or NULL */
};

struct image_files *image_files_ref(struct image_files *files);
void image_files_unref(struct image_files *files);

/* Puts a document that is in the store into the table.  Borrowed; NULL with
 * err. */
const struct image *images_remember(struct images *images,
                                    const struct image *image, struct err *err);
/* The number for the next content of this name. */
uint64_t images_next_revision(const struct images *images, const char *name);
void image_set_id(struct image *image);
/* What is in the store. */
json_t *image_document(const struct image *image);
void image_key(const struct image *image, char out[IMAGE_KEY_BYTES]);
/* For images_free: kills the workers. */
void image_imports_free(struct images *images);
void image_exports_free(struct images *images);
/* Appends the manifests that exports read. */
int images_export_roots(const struct images *images, json_t *digests);

#endif
