/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the engine asks of a helper that changes one file system of a verified
 * disk, and what it hears back.  The disk is descriptor 3; standard input is
 *
 *   {"offset": N, "length": N, "file_system": "ext4", "partition": N,
 *    "disk_bytes": N, "sector_bytes": N, "grow": false,
 *    "files": [{"path", "owner", "group", "mode", "data": hexadecimal,
 *               "needs", "needs_text"}]}
 *
 * and standard output {"ranges": [[offset, length], ...], "length": N} of the
 * whole disk, `length` being that of the partition now, or {"error": sentence}
 * with exit status 1.
 */
#ifndef CORE_ENGINE_CHANGE_REQUEST_H
#define CORE_ENGINE_CHANGE_REQUEST_H

#include <stdbool.h>

#include "core/engine/change/ranges.h"

#define CHANGE_DISK_FD 3
#define CHANGE_FILES_MAX 64
#define CHANGE_FILE_BYTES_MAX (1u << 20)

/* A file to be written. */
struct change_file {
    const char *path; /* absolute, without "." and ".." */
    uint32_t owner;
    uint32_t group;
    uint32_t mode; /* permission bits */
    const uint8_t *data;
    size_t length;
    const char *needs;      /* path that must be there; NULL = none */
    const char *needs_text; /* the sentence when it is not; NULL = ours */
};

struct change_request {
    uint64_t offset; /* of the file system on the disk, bytes */
    uint64_t length; /* of its partition, bytes */
    const char *file_system;
    unsigned partition; /* its number in the disk's table */
    uint64_t disk_bytes;
    uint32_t sector_bytes; /* logical */
    bool grow;             /* partition and file system, to the disk's end */
    struct change_file files[CHANGE_FILES_MAX];
    size_t file_count;
    json_t *json; /* owns the texts */
};

/* `ret` is to be ended in any case. */
int change_request_parse(const void *text, size_t length,
                         struct change_request *ret, struct err *err);
void change_request_done(struct change_request *request);

/* A descriptor of the disk of our own: the engine's may be opened for direct
 * I/O, which takes whole sectors only. */
int change_open_disk(int *ret_fd, struct err *err);
/* A file that needs what is not there: the sentence. */
int change_needs(const struct change_file *file, struct err *err);

/* Does what a request asks: adds what it writes to `changed`, and says the
 * partition's new length in the request. */
typedef int change_fn(struct change_request *request,
                      struct change_ranges *changed, struct err *err);
/* The whole of such a helper: reads the request from standard input, has it
 * done, prints the answer.  The exit status. */
int change_request_serve(change_fn *change);

#endif
