/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing a qcow2 file, version 3, while its content comes in ascending order:
 * clusters are appended as they come, the tables follow.  Keeps one table of
 * 64 KiB and the first one (8 bytes for each 512 MiB) in memory.
 */
#ifndef CORE_CLI_QCOW2_H
#define CORE_CLI_QCOW2_H

#include "core/util/err.h"

struct qcow2_writer;

/* `fd` is an empty file, borrowed. */
struct qcow2_writer *qcow2_writer_new(int fd, uint64_t size_bytes,
                                      struct err *err);
void qcow2_writer_free(struct qcow2_writer *writer);
/* Bytes of the disk, behind all that were written before. */
int qcow2_write(struct qcow2_writer *writer, const void *data, size_t length,
                uint64_t offset, struct err *err);
/* Tables and header: the file is one only after this. */
int qcow2_finish(struct qcow2_writer *writer, struct err *err);

#endif
