/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal of an import that may be interrupted: the index record of every
 * chunk, in order, as they are finished.  Records hold keys, so each is sealed
 * for itself.  Nothing is synced: a reader believes a record only when it opens
 * and the store has its object under its name, which stands for bytes on the
 * disk (objects.h); at the first one that fails the journal is cut.
 *
 * File: "SLJ1", chunk shift u32, epoch u32, 0 u32, salt 32; then entries of
 * nonce 12, sealed record 112, tag 16.
 */
#ifndef CORE_IMAGE_IMPORT_JOURNAL_H
#define CORE_IMAGE_IMPORT_JOURNAL_H

#include "core/image/objects.h"

struct import_journal;

/* `fd` is opened for reading and writing, and borrowed; an empty file is made
 * a journal, and so is what is none. */
struct import_journal *import_journal_new(int fd,
                                          const struct seal_secret *secret,
                                          unsigned chunk_shift,
                                          struct err *err);
void import_journal_free(struct import_journal *journal);

/* Calls add(arg, record) for what may be believed, then cuts the rest off. */
int import_journal_replay(struct import_journal *journal,
                          const struct objects *objects,
                          int (*add)(void *arg,
                                     const struct index_record *record,
                                     struct err *err),
                          void *arg, struct err *err);
/* Behind the last; one thread at a time. */
int import_journal_add(struct import_journal *journal,
                       const struct index_record *record, struct err *err);
/* The image's bytes up to the end of the last record's chunk. */
uint64_t import_journal_bytes(const struct import_journal *journal);

/* The same at most, from the length of the file alone, at the default chunk
 * shift. */
uint64_t import_journal_estimate(uint64_t file_bytes);

DEFINE_AUTO(import_journal, struct import_journal, import_journal_free)
#define AUTO_IMPORT_JOURNAL __attribute__((cleanup(auto_import_journal)))

#endif
