/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of the whole store, and the answer whether it works. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sqlite.h"

/* Makes the copy and its folder entry durable. */
static int sync_copy(const char *path, int fd)
{
    char *copy = must(strdup(path));
    int folder = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int failed = fsync(fd) || folder < 0 || fsync(folder);
    if (folder >= 0)
        (void)close(folder);
    free(copy);
    return failed ? -1 : 0;
}

/* Fills the new, empty file. */
static int copy_into(struct database *db, const char *path)
{
    sqlite3_stmt *s = NULL;
    int code = sqlite3_prepare_v2(db->sql, "VACUUM INTO ?1", -1, &s, NULL);
    if (code)
        return code;
    sqlite3_bind_text(s, 1, path, -1, SQLITE_STATIC);
    (void)sqlite3_step(s); /* finalize returns its failure */
    return sqlite3_finalize(s);
}

void backup_run(struct database *db, struct request *request)
{
    char sentence[SENTENCE_BYTES];
    const char *path = request->key;
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        (void)snprintf(sentence, sizeof(sentence),
                       "cannot make the copy '%.150s': %s", path,
                       strerrordesc_np(errno));
        request_fail(request,
                     errno == EEXIST ? SLIPWAY_STORE_CONFLICT
                                     : SLIPWAY_STORE_UNAVAILABLE,
                     sentence);
        return;
    }
    int code = copy_into(db, path);
    if (code || sync_copy(path, fd)) {
        (void)snprintf(sentence, sizeof(sentence),
                       "the copy '%.150s' is not complete and was removed: %s",
                       path,
                       code ? sqlite3_errstr(code)
                            : "it cannot be "
                              "synced");
        (void)unlink(path);
        bool damaged = (code & 0xff) == SQLITE_CORRUPT;
        if (damaged)
            (void)database_failure(db, code);
        request_fail(request,
                     damaged ? SLIPWAY_STORE_CORRUPT
                             : SLIPWAY_STORE_UNAVAILABLE,
                     damaged ? db->sentence : sentence);
    }
    (void)close(fd);
    request->ret_revision = db->revision;
}

/* A write that changes nothing anybody reads. */
int health_probe(struct database *db, struct request *request)
{
    request->ret_revision = db->revision;
    return meta_set(db, "probe", (boottime_ms() & INT32_MAX) + 1);
}
