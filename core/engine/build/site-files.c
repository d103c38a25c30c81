/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/build/pack.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "core/util/crypto.h"
#include "core/util/file.h"
#include "core/wire/trust.h"

static const char *const folders[] = {
    "dev", "etc/slipway", "mnt", "proc", "run", "sys", "tmp", "var",
};

/* The engine's clock is never before this.  Taken from the inputs, not from
 * the calendar, so that the same inputs make the same file. */
static uint64_t build_time(const struct pack *pack, const struct trust *trust)
{
    if (pack->options->built_s)
        return pack->options->built_s;
    return (uint64_t)MAX(MAX(trust->made_s, pack->tree.newest_s), 0);
}

static int add_trust(struct pack *pack, struct err *err)
{
    struct trust trust;
    struct digest digest;
    int rc = file_read(AT_FDCWD, pack->options->trust, &pack->scratch, err);
    if (!rc)
        rc = trust_parse(pack->scratch.data, pack->scratch.length, &trust, err);
    if (rc) {
        (void)err_prefix(err, "trust file '%s': ", pack->options->trust);
        return rc;
    }
    digest_of(pack->scratch.data, pack->scratch.length, &digest);
    (void)digest_hex(&digest, pack->trust_digest);
    pack->built_s = build_time(pack, &trust);
    return cpio_add_file(&pack->cpio, "etc/slipway/trust.json", 0644,
                         pack->scratch.data, pack->scratch.length, err);
}

static int add_times(struct pack *pack, struct err *err)
{
    buf_clear(&pack->scratch);
    if (buf_printf(&pack->scratch, "%" PRIu64 "\n", pack->built_s))
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    return cpio_add_file(&pack->cpio, "etc/slipway/built", 0644,
                         pack->scratch.data, pack->scratch.length, err);
}

int pack_site(struct pack *pack, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LENGTH(folders); i++) {
        int rc = cpio_add_folder(&pack->cpio, folders[i], err);
        if (rc)
            return rc;
    }
    /* The kernel opens the console before anything can mount devtmpfs. */
    int rc = cpio_add_device(&pack->cpio, "dev/console", 5, 1, err);
    if (!rc)
        rc = cpio_add_device(&pack->cpio, "dev/null", 1, 3, err);
    if (!rc)
        rc = add_trust(pack, err);
    return rc ? rc : add_times(pack, err);
}
