/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's end of a framed export (core/image/export.h): finds the pieces
 * in what comes over one connection or several, has them written, and works out
 * the digest of them all.
 */
#ifndef CORE_CLI_FRAMED_H
#define CORE_CLI_FRAMED_H

#include "core/util/crypto.h"

#define FRAMED_HEADER_BYTES 16
#define FRAMED_PIECE_MAX ((uint64_t)16 << 20) /* chunks are no larger */
#define FRAMED_END_BYTES (8 + DIGEST_BYTES)

enum framed_state {
    FRAMED_HEADER,
    FRAMED_PIECE,
    FRAMED_END,      /* the image's end has come, its digest has not */
    FRAMED_WHOLE,
    FRAMED_SENTENCE, /* what follows is why the server cannot go on */
};

/* All but the first two is for reading only. */
struct framed {
    /* Bytes of the image at their place; ascending, but for those of a piece
     * that was cut and comes again. */
    int (*write)(void *arg, const void *data, size_t length, uint64_t offset,
                 struct err *err);
    void *arg;
    enum framed_state state;
    uint64_t done_bytes; /* a new part may begin here */
    uint64_t offset;     /* of the next byte */
    uint64_t left;       /* of what `state` is about */
    uint64_t size_bytes; /* of the image, once whole */
    uint64_t chunk_bytes;
    uint8_t bytes[FRAMED_END_BYTES]; /* a header or the end, while it comes */
    size_t length;
    uint64_t piece_offset;
    struct digest_stream piece;
    struct digest_stream all;
    struct digest came; /* once whole: of the pieces that came */
    struct digest told; /* and what the server says of the image */
    char sentence[ERR_TEXT_BYTES];
    struct err err; /* writing failed, or what came makes no sense */
};

/* `write` and `arg` are set.  The first part begins at `done_bytes`. */
int framed_init(struct framed *framed, uint64_t done_bytes, struct err *err);
void framed_done(struct framed *framed);
/* A new connection brings what follows after done_bytes. */
void framed_part(struct framed *framed);
/* A `sink` (rest.h): false when it has failed, or more comes than should. */
bool framed_take(void *framed, const char *data, size_t length);
/* One chunk of the image that is no hole; to check what is in a file. */
void framed_note(struct digest_stream *all, uint64_t offset, uint64_t length,
                 const struct digest *plain);

#endif
