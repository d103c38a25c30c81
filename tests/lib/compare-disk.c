/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks at a deployed disk from outside and compares it with the image's
 * index, chunk by chunk:
 *
 *   compare-disk STATE-DIR MANIFEST-DIGEST DISK [OFFSET:LENGTH...]
 *
 * Chunks that touch one of the ranges are left out.  Status 0 when all others
 * are equal; prints how many were compared.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/image/reader.h"
#include "core/server/config.h"
#include "core/server/site.h"
#include "core/util/file.h"
#include "core/util/num.h"

#define MAX_RANGES 4096

struct range {
    uint64_t offset;
    uint64_t length;
};

struct comparison {
    struct image_reader *reader;
    int disk;
    const struct range *ranges;
    size_t range_count;
    uint64_t equal, left_out, different;
};

static bool touches(const struct comparison *c, uint64_t offset, size_t length)
{
    for (size_t i = 0; i < c->range_count; i++)
        if (offset < c->ranges[i].offset + c->ranges[i].length &&
            c->ranges[i].offset < offset + length)
            return true;
    return false;
}

static int compare_chunk(struct comparison *c, uint64_t chunk, uint8_t *wanted,
                         uint8_t *found, struct err *err)
{
    const struct index_root *root = image_reader_root(c->reader);
    uint64_t offset = chunk << root->chunk_shift;
    size_t length = index_chunk_bytes(root, chunk);
    if (touches(c, offset, length)) {
        c->left_out++;
        return 0;
    }
    int code = image_reader_read(c->reader, wanted, length, offset, err);
    if (code == 0)
        code = file_pread_all(c->disk, found, length, offset, err);
    if (code != 0)
        return code;
    if (memcmp(wanted, found, length) == 0) {
        c->equal++;
        return 0;
    }
    c->different++;
    (void)printf("different: %zu bytes at %" PRIu64 "\n", length, offset);
    return 0;
}

static int compare_all(struct comparison *c, struct err *err)
{
    const struct index_root *root = image_reader_root(c->reader);
    size_t chunk_bytes = (size_t)1 << root->chunk_shift;
    AUTO_FREE uint8_t *wanted = malloc(chunk_bytes);
    AUTO_FREE uint8_t *found = malloc(chunk_bytes);
    if (!wanted || !found)
        return err_set(err, ERR_NO_MEMORY, "no memory for two chunks");
    for (uint64_t chunk = 0; chunk < root->chunk_count; chunk++) {
        int code = compare_chunk(c, chunk, wanted, found, err);
        if (code != 0)
            return code;
    }
    return 0;
}

static int open_image(const char *state_dir, const char *manifest_hex,
                      struct objects **ret_objects,
                      struct seal_secret *ret_secret,
                      struct image_reader **ret_reader, struct err *err)
{
    struct config config = {.state_dir = (char *)state_dir};
    struct site *site = NULL;
    struct manifest manifest;
    struct digest digest;
    uint8_t signature[SIGNATURE_BYTES];
    AUTO_BUF text = BUF_INIT(1 << 20);
    AUTO_CLOSE int state = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int code = site_load(&config, &site, err);
    if (code != 0)
        return code;
    *ret_secret = (struct seal_secret){site->seal_epoch, site->secret};
    *ret_objects = objects_open(state, err);
    code = *ret_objects ? digest_parse(manifest_hex, &digest, err) : ERR_IO;
    if (code == 0)
        code = objects_manifest_get(*ret_objects, &digest, &text, signature,
                                    err);
    if (code == 0)
        code = manifest_open(buf_text(&text), text.length, signature,
                             site->verify_keys, 2, &manifest, err);
    site_free(site);
    if (code != 0)
        return code;
    *ret_reader = image_reader_new(*ret_objects, ret_secret,
                                   &manifest.index_root, err);
    return *ret_reader ? 0 : ERR_IO;
}

static int parse_range(char *text, struct range *ret, struct err *err)
{
    char *colon = strchr(text, ':');
    if (!colon)
        return err_set(err, ERR_INVALID, "'%s' is not OFFSET:LENGTH", text);
    *colon = 0;
    int code = num_parse_u64(text, 0, UINT64_MAX / 2, &ret->offset, err);
    return code ? code
                : num_parse_u64(colon + 1, 0, UINT64_MAX / 2, &ret->length,
                                err);
}

static int run(int argc, char **argv, struct err *err)
{
    static struct range ranges[MAX_RANGES];
    struct comparison c = {.ranges = ranges, .disk = -1};
    struct seal_secret secret;
    AUTO_OBJECTS struct objects *objects = NULL;
    AUTO_IMAGE_READER struct image_reader *reader = NULL;
    if (argc < 4 || argc - 4 > MAX_RANGES)
        return err_set(err, ERR_INVALID,
                       "usage: compare-disk STATE-DIR MANIFEST DISK "
                       "[OFFSET:LENGTH...]");
    for (int i = 4; i < argc; i++) {
        int code = parse_range(argv[i], &ranges[c.range_count++], err);
        if (code != 0)
            return code;
    }
    AUTO_CLOSE int disk = open(argv[3], O_RDONLY | O_CLOEXEC);
    if (disk < 0)
        return err_set_errno(err, ERR_IO, errno, "cannot open '%s'", argv[3]);
    int code = open_image(argv[1], argv[2], &objects, &secret, &reader, err);
    if (code != 0)
        return code;
    c.reader = reader;
    c.disk = disk;
    code = compare_all(&c, err);
    if (code != 0)
        return code;
    (void)printf("%" PRIu64 " chunks equal, %" PRIu64
                 " personalised, %" PRIu64 " different\n",
                 c.equal, c.left_out, c.different);
    return c.different ? err_set(err, ERR_VERIFY,
                                 "the disk is not what the index says")
                       : 0;
}

int main(int argc, char **argv)
{
    struct err err = ERR_INIT;
    if (run(argc, argv, &err) == 0)
        return 0;
    (void)fprintf(stderr, "compare-disk: %s\n", err.text);
    return 1;
}
