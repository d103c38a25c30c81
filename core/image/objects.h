/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The object store on disk: objects, index pages and roots, manifests, each in
 * a folder of its own below the server's state folder, fanned out by the first
 * byte of their name: objects/ab/abcd...
 *
 * A file appears under its name only when its bytes are on the disk, and is
 * never changed afterwards.  Objects are written in batches, because one sync
 * for many is many times faster than one for each: `objects_put` writes below
 * a temporary name and `objects_commit` syncs and names what was put.
 *
 * Collecting (objects-collect.h) removes what nothing names and what is old.
 * So that a writer may use what is there already, it makes such a file new and
 * looks at its name again; the collector takes the name away and looks at the
 * age again.  Whoever is second sees the other.
 *
 * All calls block; any thread.
 */
#ifndef CORE_IMAGE_OBJECTS_H
#define CORE_IMAGE_OBJECTS_H

#include <stdbool.h>

#include "core/image/index.h"
#include "core/image/manifest.h"

struct objects;

/* Opens the store below `state_fd` (kept by the caller), making its folders
 * when missing. */
struct objects *objects_open(int state_fd, struct err *err);
void objects_free(struct objects *objects);
/* Descriptors of the three folders, for a sandbox: objects, index, manifests.
 * Borrowed. */
int objects_folder_fd(const struct objects *objects);
int objects_index_fd(const struct objects *objects);
int objects_manifest_fd(const struct objects *objects);
/* The same from folders that were opened elsewhere; takes the descriptors. */
struct objects *objects_from_fds(int objects_fd, int index_fd, int manifest_fd,
                                 struct err *err);
/* Removes temporary files of writers that were killed.  Only when no import
 * runs: at start. */
void objects_sweep(struct objects *objects);

/* Gives files that a killed collector had taken the names away their names
 * back.  Sweeping does too. */
void objects_restore(struct objects *objects);

/* One writer's batch; any number of threads may put into it. */
struct objects_batch;
struct objects_batch *objects_batch_new(struct objects *objects);
/* What was put and not committed is removed. */
void objects_batch_free(struct objects_batch *batch);
/* Puts an object unless the store has it; one that was damaged is replaced.
 * Commits by itself from time to time.  ERR_NO_SPACE when the disk is full. */
int objects_put(struct objects_batch *batch, const struct digest *name,
                const void *sealed, size_t length, struct err *err);
/* Everything put so far is on the disk and has its name. */
int objects_commit(struct objects_batch *batch, struct err *err);

/* A read-only descriptor of an object, close-on-exec, and its length; -1 with
 * ERR_NOT_FOUND. */
int objects_fd(const struct objects *objects, const struct digest *name,
               uint64_t *ret_length, struct err *err);
/* The object is there, and will not be collected as an old one for now. */
int objects_touch(const struct objects *objects, const struct digest *name,
                  uint64_t *ret_length, struct err *err);
/* Reads a whole object; `data` has room for `max` bytes.  Not checked. */
int objects_read(const struct objects *objects, const struct digest *name,
                 void *data, size_t max, size_t *ret_length, struct err *err);

/* Index pages and roots, sealed at rest and named by the digest of their plain
 * bytes.  `objects_index_get` has checked that digest. */
int objects_index_put(struct objects *objects, const struct seal_secret *secret,
                      const struct digest *digest, const void *data,
                      size_t length, struct err *err);
int objects_index_get(const struct objects *objects,
                      const struct seal_secret *secret,
                      const struct digest *digest, struct buf *ret,
                      struct err *err);

/* Manifests: exact bytes, the signature in a file beside them. */
int objects_manifest_put(struct objects *objects, const void *text,
                         size_t length,
                         const uint8_t signature[SIGNATURE_BYTES],
                         struct digest *ret_digest, struct err *err);
/* Checks the digest, not the signature (manifest_open does). */
int objects_manifest_get(const struct objects *objects,
                         const struct digest *digest, struct buf *ret_text,
                         uint8_t ret_signature[SIGNATURE_BYTES],
                         struct err *err);

DEFINE_AUTO(objects, struct objects, objects_free)
#define AUTO_OBJECTS __attribute__((cleanup(auto_objects)))

#endif
