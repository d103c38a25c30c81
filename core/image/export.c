/* SPDX-License-Identifier: Apache-2.0 */
/* Writing an image's plain content: see export.h. */
#include "core/image/export.h"

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

static int put_image(struct image_reader *reader,
                     const struct export_spec *spec, struct err *err)
{
    const struct index_root *root = image_reader_root(reader);
    AUTO_FREE uint8_t *chunk = malloc((size_t)1 << root->chunk_shift);
    if (!chunk)
        return err_set(err, ERR_NO_MEMORY, "no memory to export an image");
    for (uint64_t offset = 0; offset < root->size_bytes;) {
        uint64_t hole = 0;
        int rc = image_reader_hole(reader, offset, &hole, err);
        size_t length =
            index_chunk_bytes(root, offset >> root->chunk_shift);
        if (!rc && hole)
            rc = put_zeros(spec, hole, err);
        else if (!rc)
            rc = image_reader_verified(reader, chunk, length, offset, err);
        if (!rc && !hole)
            rc = put_header(spec, offset, length, err);
        if (!rc && !hole)
            rc = put(spec, chunk, length, err);
        if (rc)
            return rc;
        offset += hole ? hole : length;
    }
    return put_header(spec, root->size_bytes, 0, err);
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
    /* The client must be told in the stream: the status has gone out. */
    if (rc != ERR_CANCELLED && spec->framed &&
        !put_header(spec, EXPORT_FAILED, strlen(local.text), NULL))
        (void)put(spec, local.text, strlen(local.text), NULL);
    return err_set(err, rc, "%s", local.text);
}
