/* SPDX-License-Identifier: Apache-2.0 */
/* What an interrupted import goes on from: see import-journal.h. */
#include "core/image/import-journal.h"

#include <string.h>
#include <sys/stat.h>

#include "core/image/index-format.h"
#include "core/util/bytes.h"
#include "core/util/file.h"

#define MAGIC "SLJ1"
#define DOMAIN "slipway import journal 1"
#define HEADER_BYTES 48
#define ENTRY_BYTES (SEAL_NONCE_BYTES + INDEX_RECORD_BYTES + SEAL_TAG_BYTES)

struct import_journal {
    int fd;
    unsigned chunk_shift;
    struct secret_key key;
    uint64_t entries;
    uint64_t chunks; /* in them */
};

static int truncate_at(const struct import_journal *j, uint64_t bytes,
                       struct err *err)
{
    return ftruncate(j->fd, (off_t)bytes)
               ? err_set_errno(err, ERR_IO, errno,
                               "cannot cut the journal of an import")
               : 0;
}

static uint64_t end_of(const struct import_journal *j)
{
    return HEADER_BYTES + j->entries * ENTRY_BYTES;
}

/* A new header with a salt, and so a key, of its own. */
static int begin(struct import_journal *j, const struct seal_secret *secret,
                 struct digest *salt, struct err *err)
{
    uint8_t header[HEADER_BYTES] = {0};
    random_bytes(salt->bytes, sizeof(salt->bytes));
    memcpy(header, MAGIC, 4);
    put_le32(header + 4, j->chunk_shift);
    put_le32(header + 8, secret->epoch);
    memcpy(header + 16, salt->bytes, sizeof(salt->bytes));
    int rc = truncate_at(j, 0, err);
    return rc ? rc : file_pwrite_all(j->fd, header, sizeof(header), 0, err);
}

static int open_header(struct import_journal *j,
                       const struct seal_secret *secret, struct err *err)
{
    uint8_t header[HEADER_BYTES];
    struct digest salt;
    int rc = 0;
    if (!file_pread_all(j->fd, header, sizeof(header), 0, NULL) &&
        !memcmp(header, MAGIC, 4) &&
        get_le32(header + 4) == j->chunk_shift &&
        get_le32(header + 8) == secret->epoch)
        memcpy(salt.bytes, header + 16, sizeof(salt.bytes));
    else
        rc = begin(j, secret, &salt, err);
    return rc ? rc : object_key_of(secret, DOMAIN, &salt, &j->key, err);
}

struct import_journal *import_journal_new(int fd,
                                          const struct seal_secret *secret,
                                          unsigned chunk_shift, struct err *err)
{
    AUTO_IMPORT_JOURNAL struct import_journal *j = calloc(1, sizeof(*j));
    if (!j) {
        (void)err_set(err, ERR_NO_MEMORY, "no memory to import an image");
        return NULL;
    }
    j->fd = fd;
    j->chunk_shift = chunk_shift ? chunk_shift : CHUNK_SHIFT_DEFAULT;
    return open_header(j, secret, err) ? NULL : TAKE(j);
}

void import_journal_free(struct import_journal *j)
{
    if (j)
        secret_wipe(&j->key, sizeof(j->key));
    free(j);
}

uint64_t import_journal_bytes(const struct import_journal *j)
{
    return j->chunks << j->chunk_shift;
}

uint64_t import_journal_estimate(uint64_t file_bytes)
{
    if (file_bytes < HEADER_BYTES)
        return 0;
    return (file_bytes - HEADER_BYTES) / ENTRY_BYTES << CHUNK_SHIFT_DEFAULT;
}

int import_journal_add(struct import_journal *j,
                       const struct index_record *record, struct err *err)
{
    uint8_t plain[INDEX_RECORD_BYTES];
    uint8_t entry[ENTRY_BYTES];
    index_record_write(plain, record);
    random_bytes(entry, SEAL_NONCE_BYTES);
    int rc = seal(&j->key, entry, plain, sizeof(plain),
                  entry + SEAL_NONCE_BYTES, err);
    secret_wipe(plain, sizeof(plain));
    if (!rc)
        rc = file_pwrite_all(j->fd, entry, sizeof(entry), end_of(j), err);
    if (rc)
        return rc;
    j->entries++;
    j->chunks += record->run;
    return 0;
}

/* The entry behind the last, when it can be believed. */
static bool read_entry(const struct import_journal *j,
                       const struct objects *objects,
                       struct index_record *record)
{
    uint8_t entry[ENTRY_BYTES];
    uint8_t plain[INDEX_RECORD_BYTES];
    uint64_t length;
    uint64_t room = (IMAGE_BYTES_MAX >> j->chunk_shift) - j->chunks;
    if (file_pread_all(j->fd, entry, sizeof(entry), end_of(j), NULL) ||
        unseal(&j->key, entry, entry + SEAL_NONCE_BYTES,
               sizeof(entry) - SEAL_NONCE_BYTES, plain, NULL))
        return false;
    index_record_parse(plain, record);
    secret_wipe(plain, sizeof(plain));
    if (!record->run || record->run > room)
        return false;
    return record->flags == INDEX_HOLE ||
           (!objects_touch(objects, &record->id.name, &length, NULL) &&
            length == record->object_bytes);
}

int import_journal_replay(struct import_journal *j,
                          const struct objects *objects,
                          int (*add)(void *arg,
                                     const struct index_record *record,
                                     struct err *err),
                          void *arg, struct err *err)
{
    struct index_record record;
    int rc = 0;
    while (!rc && read_entry(j, objects, &record)) {
        rc = add(arg, &record, err);
        if (!rc) {
            j->entries++;
            j->chunks += record.run;
        }
    }
    secret_wipe(&record, sizeof(record));
    return rc ? rc : truncate_at(j, end_of(j), err);
}
