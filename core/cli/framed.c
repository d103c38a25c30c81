/* SPDX-License-Identifier: Apache-2.0 */
#include "core/cli/framed.h"

#include <string.h>

#include "core/util/bytes.h"

#define FAILED UINT64_MAX
#define SIZE_MAX_BYTES (UINT64_C(1) << 46)

static int no_memory(struct err *err)
{
    return err_set(err, ERR_NO_MEMORY, "no memory is left");
}

int framed_init(struct framed *f, uint64_t done_bytes, struct err *err)
{
    f->done_bytes = done_bytes;
    framed_part(f);
    return digest_stream_init(&f->all) != 0 ? no_memory(err) : 0;
}

void framed_done(struct framed *f)
{
    digest_stream_done(&f->piece, NULL);
    digest_stream_done(&f->all, NULL);
}

void framed_part(struct framed *f)
{
    digest_stream_done(&f->piece, NULL);
    f->state = FRAMED_HEADER;
    f->left = FRAMED_HEADER_BYTES;
    f->offset = f->done_bytes;
    f->length = 0;
}

void framed_note(struct digest_stream *all, uint64_t offset, uint64_t length,
                 const struct digest *plain)
{
    uint8_t place[FRAMED_HEADER_BYTES];

    put_le64(place, offset);
    put_le64(place + 8, length);
    digest_stream_add(all, place, sizeof(place));
    digest_stream_add(all, plain->bytes, sizeof(plain->bytes));
}

static void expect(struct framed *f, enum framed_state state, uint64_t left)
{
    f->state = state;
    f->left = left;
    f->length = 0;
}

static int take_header(struct framed *f)
{
    uint64_t offset = get_le64(f->bytes);
    uint64_t length = get_le64(f->bytes + 8);

    if (offset == FAILED) {
        expect(f, FRAMED_SENTENCE, length);
        return 0;
    }
    if (offset < f->offset || offset > SIZE_MAX_BYTES ||
        length > FRAMED_PIECE_MAX)
        return err_set(&f->err, ERR_CORRUPT,
                       "the server sends pieces that make no sense");
    f->offset = offset;
    f->piece_offset = offset;
    expect(f, length ? FRAMED_PIECE : FRAMED_END,
           length ? length : FRAMED_END_BYTES);
    return length && digest_stream_init(&f->piece) != 0 ? no_memory(&f->err)
                                                        : 0;
}

static void end_piece(struct framed *f)
{
    struct digest plain;

    digest_stream_done(&f->piece, &plain);
    framed_note(&f->all, f->piece_offset, f->offset - f->piece_offset, &plain);
    f->done_bytes = f->offset;
    expect(f, FRAMED_HEADER, FRAMED_HEADER_BYTES);
}

static int take_end(struct framed *f)
{
    f->chunk_bytes = get_le64(f->bytes);
    if (!f->chunk_bytes || f->chunk_bytes > FRAMED_PIECE_MAX)
        return err_set(&f->err, ERR_CORRUPT,
                       "the server sends an end that makes no sense");
    memcpy(f->told.bytes, f->bytes + 8, sizeof(f->told.bytes));
    digest_stream_done(&f->all, &f->came);
    f->size_bytes = f->offset;
    f->done_bytes = f->offset;
    f->state = FRAMED_WHOLE;
    return 0;
}

static int take_piece(struct framed *f, const char *data, size_t length)
{
    if (f->write(f->arg, data, length, f->offset, &f->err) != 0)
        return f->err.code;
    digest_stream_add(&f->piece, data, length);
    f->offset += length;
    return 0;
}

static void take_sentence(struct framed *f, const char *data, size_t length)
{
    size_t room = sizeof(f->sentence) - 1 - f->length;
    size_t some = length < room ? length : room;

    for (size_t i = 0; i < some; i++)
        f->sentence[f->length + i] = data[i];
    f->length += some;
    for (size_t i = 0; i < f->length; i++)
        if ((unsigned char)f->sentence[i] < ' ')
            f->sentence[i] = '?';
    f->sentence[f->length] = '\0';
}

/* At most what is left of what is expected now. */
static int take(struct framed *f, const char *data, size_t length)
{
    if (f->state == FRAMED_PIECE) {
        if (take_piece(f, data, length) != 0)
            return f->err.code;
    } else if (f->state == FRAMED_SENTENCE) {
        take_sentence(f, data, length);
    } else {
        memcpy(f->bytes + f->length, data, length);
        f->length += length;
    }
    f->left -= length;
    if (f->left > 0)
        return 0;
    if (f->state == FRAMED_PIECE)
        end_piece(f);
    else if (f->state == FRAMED_HEADER)
        return take_header(f);
    else if (f->state == FRAMED_END)
        return take_end(f);
    return 0;
}

bool framed_take(void *framed, const char *data, size_t length)
{
    struct framed *f = framed;

    while (length > 0) {
        size_t some = f->left < length ? (size_t)f->left : length;

        if (f->err.code != 0 || some == 0 || take(f, data, some) != 0)
            return false;
        data += some;
        length -= some;
    }
    return true;
}
