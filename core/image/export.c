/* SPDX-License-Identifier: Apache-2.0 */
/* Writing an image's plain content: see export.h. */
#include "core/image/export.h"

#include <inttypes.h>
#include <string.h>

#include "core/image/reader.h"
#include "core/util/bytes.h"
#include "core/util/file.h"

static int put(const struct export_spec *spec, const void *data, size_t length,
               struct err *err)
{
    struct err local = ERR_INIT;
    return file_write_all(spec->fd, data, length, &local)
               ? err_set(err, ERR_CANCELLED, "the export was broken off: %s",
                         local.text)
               : 0;
}

static int put_header(const struct export_spec *spec, uint64_t offset,
                      uint64_t length, struct err *err)
{
    uint8_t header[EXPORT_HEADER_BYTES];
    put_le64(header, offset);
    put_le64(header + 8, length);
    return spec->framed ? put(spec, header, sizeof(header), err) : 0;
}

static int put_zeros(const struct export_spec *spec, uint64_t length,
                     struct err *err)
{
    static const uint8_t zeros[65536];
    int rc = 0;
    while (!rc && !spec->framed && length) {
        size_t some = (size_t)MIN(length, sizeof(zeros));
        rc = put(spec, zeros, some, err);
        length -= some;
    }
    return rc;
}

/* What is being written. */
struct part {
    const struct export_spec *spec;
    struct image_reader *reader;
    uint8_t *chunk; /* room for one */
    uint64_t end_bytes;
    struct digest_stream digest;
};

static void note_chunk(struct part *p, uint64_t offset,
                       const struct image_extent *extent)
{
    uint8_t place[EXPORT_HEADER_BYTES];
    put_le64(place, offset);
    put_le64(place + 8, extent->length_bytes);
    digest_stream_add(&p->digest, place, sizeof(place));
    digest_stream_add(&p->digest, extent->plain.bytes, DIGEST_BYTES);
}

static int put_chunk(struct part *p, uint64_t offset, uint64_t from,
                     uint64_t to, size_t length, struct err *err)
{
    struct err local = ERR_INIT;
    int rc = image_reader_verified(p->reader, p->chunk, length, offset, &local);
    if (rc)
        return err_set(err, rc,
                       "bytes %" PRIu64 " to %" PRIu64 " cannot be read: %s",
                       offset, offset + length, local.text);
    rc = put_header(p->spec, from, to - from, err);
    return rc ? rc : put(p->spec, p->chunk + (from - offset), to - from, err);
}

/* What of this extent belongs to the part. */
static int put_extent(struct part *p, uint64_t offset,
                      const struct image_extent *extent, struct err *err)
{
    uint64_t end = offset + extent->length_bytes;
    uint64_t from = MAX(offset, p->spec->offset_bytes);
    uint64_t to = MIN(end, p->end_bytes);
    if (p->spec->framed && !extent->hole)
        note_chunk(p, offset, extent);
    if (from >= to)
        return 0;
    return extent->hole
               ? put_zeros(p->spec, to - from, err)
               : put_chunk(p, offset, from, to, extent->length_bytes, err);
}

static int put_end(struct part *p, struct err *err)
{
    const struct index_root *root = image_reader_root(p->reader);
    uint8_t end[8 + DIGEST_BYTES];
    struct digest digest;
    digest_stream_done(&p->digest, &digest);
    put_le64(end, UINT64_C(1) << root->chunk_shift);
    memcpy(end + 8, digest.bytes, DIGEST_BYTES);
    int rc = put_header(p->spec, root->size_bytes, 0, err);
    return rc || !p->spec->framed ? rc : put(p->spec, end, sizeof(end), err);
}

/* The digest of a framed export is of all chunks, also of those before it. */
static int put_part(struct part *p, struct err *err)
{
    const struct index_root *root = image_reader_root(p->reader);
    uint64_t end = p->spec->framed ? root->size_bytes : p->end_bytes;
    uint64_t offset =
        p->spec->framed ? 0
                        : p->spec->offset_bytes >> root->chunk_shift
                              << root->chunk_shift;
    int rc = 0;
    while (!rc && offset < end) {
        struct image_extent extent;
        rc = image_reader_extent(p->reader, offset, &extent, err);
        if (!rc)
            rc = put_extent(p, offset, &extent, err);
        if (!rc)
            offset += extent.length_bytes;
    }
    return rc ? rc : put_end(p, err);
}

static int put_image(struct image_reader *reader,
                     const struct export_spec *spec, struct err *err)
{
    const struct index_root *root = image_reader_root(reader);
    if (spec->offset_bytes > root->size_bytes ||
        spec->length_bytes > root->size_bytes - spec->offset_bytes)
        return err_set(err, ERR_INVALID, "the image ends before that part");
    AUTO_FREE uint8_t *chunk = malloc((size_t)1 << root->chunk_shift);
    struct part part = {
        .spec = spec,
        .reader = reader,
        .chunk = chunk,
        .end_bytes = spec->offset_bytes + spec->length_bytes,
    };
    if (!chunk || digest_stream_init(&part.digest))
        return err_set(err, ERR_NO_MEMORY, "no memory to export an image");
    int rc = put_part(&part, err);
    digest_stream_done(&part.digest, NULL);
    return rc;
}

int export_run(const struct objects *objects, const struct export_spec *spec,
               struct err *err)
{
    struct err local = ERR_INIT;
    AUTO_IMAGE_READER struct image_reader *reader =
        image_reader_new(objects, spec->secret, &spec->index_root, &local);
    int rc = reader ? put_image(reader, spec, &local) : local.code;
    if (!rc)
        return 0;
    if (rc == ERR_CORRUPT || rc == ERR_VERIFY || rc == ERR_NOT_FOUND) {
        struct err what = local;
        (void)err_set(&local, rc, "%.350s; importing the same content again "
                                  "mends it", what.text);
    }
    /* The client must be told in the stream: the status has gone out. */
    if (rc != ERR_CANCELLED && spec->framed &&
        !put_header(spec, EXPORT_FAILED, strlen(local.text), NULL))
        (void)put(spec, local.text, strlen(local.text), NULL);
    return err_set(err, rc, "%s", local.text);
}
