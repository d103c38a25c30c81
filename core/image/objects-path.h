/* SPDX-License-Identifier: Apache-2.0 */
/* Names of the store's files; for objects.c and objects-batch.c only. */
#ifndef CORE_IMAGE_OBJECTS_PATH_H
#define CORE_IMAGE_OBJECTS_PATH_H

#include "core/image/objects.h"

#define OBJECTS_PATH_BYTES 112 /* "ab/", 64 digits, a suffix */
#define OBJECTS_TEMPORARY ".tmp"
#define OBJECTS_GONE ".gone"   /* a collector is about to remove it */
#define OBJECTS_TEMPORARY_FOLDER "tmp" /* in objects/ */

/* "ab/abcd...suffix" */
void objects_path(const struct digest *name, const char *suffix,
                  char out[OBJECTS_PATH_BYTES]);
/* The folder of a path; it being there already is fine. */
int objects_make_folder(int folder_fd, const char *path, struct err *err);
/* True when the file is there with exactly these bytes, and stays: its time of
 * change is now (objects.h, "collecting").  A name is a digest, so other bytes
 * are damage, which writing again mends. */
bool objects_file_keep(int folder_fd, const char *path, const void *data,
                       size_t length);

#endif
