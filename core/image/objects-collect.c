/* SPDX-License-Identifier: Apache-2.0 */
/* Mark and sweep over the object store: see objects-collect.h. */
#include "core/image/objects-collect.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/image/objects-path.h"

#define SIGNATURE_SUFFIX ".sig"
#define NAMED_MAX ((size_t)1 << 26) /* 2 GiB of digests */

struct names {
    struct digest *list;
    size_t count;
    size_t capacity;
};

struct collection {
    struct objects *objects;
    const struct collect_spec *spec;
    struct names named; /* of all three folders: digests do not collide */
    struct collect_result result;
    unsigned folders; /* gone through */
};

/* ---- marking ---- */

static int add(struct names *names, const struct digest *digest,
               struct err *err)
{
    if (names->count == names->capacity) {
        size_t capacity = names->capacity ? 2 * names->capacity : 4096;
        struct digest *list =
            capacity > NAMED_MAX
                ? NULL
                : reallocarray(names->list, capacity, sizeof(*list));
        if (!list)
            return err_set(err, ERR_NO_MEMORY,
                           "no memory for the names of %zu objects",
                           names->count);
        names->list = list;
        names->capacity = capacity;
    }
    names->list[names->count++] = *digest;
    return 0;
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct digest));
}

static bool is_named(const struct names *names, const struct digest *digest)
{
    return bsearch(digest, names->list, names->count, sizeof(*digest), compare);
}

static int mark_page(struct collection *c, const struct index_root *root,
                     uint32_t number, struct buf *bytes, struct err *err)
{
    AUTO_INDEX_PAGE struct index_page *page = NULL;
    const struct digest *digest = &root->pages[number].page;
    int rc = add(&c->named, digest, err);
    if (!rc)
        rc = objects_index_get(c->objects, c->spec->secret, digest, bytes, err);
    if (!rc)
        rc = index_page_parse(root, number, bytes->data, bytes->length, &page,
                              err);
    for (uint32_t i = 0; !rc && i < page->record_count; i++)
        if (page->records[i].flags != INDEX_HOLE)
            rc = add(&c->named, &page->records[i].id.name, err);
    return rc;
}

static int mark_index(struct collection *c, const struct digest *digest,
                      struct err *err)
{
    AUTO_BUF bytes = BUF_INIT(INDEX_MAX_BYTES + SEAL_TAG_BYTES);
    AUTO_INDEX_ROOT struct index_root *root = NULL;
    int rc = add(&c->named, digest, err);
    if (!rc)
        rc = objects_index_get(c->objects, c->spec->secret, digest, &bytes, err);
    if (!rc)
        rc = index_root_parse(bytes.data, bytes.length, &root, err);
    for (uint32_t i = 0; !rc && i < root->page_count; i++)
        rc = mark_page(c, root, i, &bytes, err);
    if (bytes.data)
        secret_wipe(bytes.data, bytes.length);
    return rc;
}

/* A root that is no manifest is an object, or of no interest. */
static int mark_root(struct collection *c, const struct digest *digest,
                     struct err *err)
{
    AUTO_BUF text = BUF_INIT(MANIFEST_MAX_BYTES);
    AUTO_FREE struct manifest *m = malloc(sizeof(*m));
    uint8_t signature[SIGNATURE_BYTES];
    char hex[DIGEST_HEX_BYTES];
    struct err local = ERR_INIT;
    int rc = add(&c->named, digest, err);
    if (rc || !m)
        return rc ? rc : err_set(err, ERR_NO_MEMORY, "no memory to collect");
    rc = objects_manifest_get(c->objects, digest, &text, signature, &local);
    if (rc == ERR_NOT_FOUND)
        return 0;
    if (!rc)
        rc = manifest_parse(text.data, text.length, m, &local);
    if (!rc)
        rc = mark_index(c, &m->index_root, &local);
    return rc ? err_set(err, rc,
                        "nothing is removed, because what the image with the "
                        "manifest %s needs cannot be told: %s",
                        digest_hex(digest, hex), local.text)
              : 0;
}

/* ---- sweeping ---- */

struct folder {
    int fd;
    const char *gone_folder; /* "" = beside the file */
};

/* The digest of "HEX" or "HEX.sig". */
static bool parse_name(const char *name, struct digest *ret)
{
    char hex[DIGEST_HEX_BYTES];
    size_t length = strlen(name);
    if (length != DIGEST_HEX_BYTES - 1 &&
        (length != DIGEST_HEX_BYTES - 1 + strlen(SIGNATURE_SUFFIX) ||
         strcmp(name + DIGEST_HEX_BYTES - 1, SIGNATURE_SUFFIX) != 0))
        return false;
    (void)snprintf(hex, sizeof(hex), "%.*s", DIGEST_HEX_BYTES - 1, name);
    return !digest_parse(hex, ret, NULL);
}

static bool is_old(const struct collection *c, const struct stat *st)
{
    return st->st_mtim.tv_sec < c->spec->before_s;
}

/* Takes the name away, looks at the age again, then removes or restores. */
static void remove_file(struct collection *c, const struct folder *f,
                        const char *name)
{
    char path[OBJECTS_PATH_BYTES];
    char gone[OBJECTS_PATH_BYTES];
    struct stat st;
    (void)snprintf(path, sizeof(path), "%.2s/%.80s", name, name);
    (void)snprintf(gone, sizeof(gone), "%.3s/%.80s" OBJECTS_GONE,
                   f->gone_folder, name);
    if (!f->gone_folder[0])
        (void)snprintf(gone, sizeof(gone), "%.2s/%.80s" OBJECTS_GONE, name,
                       name);
    if (fstatat(f->fd, path, &st, AT_SYMLINK_NOFOLLOW))
        return;
    if (!is_old(c, &st)) {
        c->result.young_files++;
        return;
    }
    if (!c->spec->dry_run) {
        if (renameat(f->fd, path, f->fd, gone))
            return;
        if (fstatat(f->fd, gone, &st, AT_SYMLINK_NOFOLLOW) ||
            !is_old(c, &st)) {
            (void)renameat(f->fd, gone, f->fd, path);
            c->result.young_files++;
            return;
        }
        if (unlinkat(f->fd, gone, 0))
            return;
    }
    c->result.freed_files++;
    c->result.freed_bytes += (uint64_t)st.st_blocks * 512;
}

static void sweep_byte(struct collection *c, const struct folder *f,
                       const char *name)
{
    int fd = openat(f->fd, name,
                    O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    struct digest digest;
    if (fd >= 0 && !dir)
        (void)close(fd);
    while (dir && (entry = readdir(dir))) {
        if (!parse_name(entry->d_name, &digest))
            continue;
        if (is_named(&c->named, &digest))
            c->result.kept_files++;
        else
            remove_file(c, f, entry->d_name);
    }
    if (dir)
        (void)closedir(dir);
}

static int sweep(struct collection *c, struct err *err)
{
    /* Manifests first and objects last: what is left half is never named. */
    const struct folder folders[] = {
        {objects_manifest_fd(c->objects), ""},
        {objects_index_fd(c->objects), ""},
        {objects_folder_fd(c->objects), OBJECTS_TEMPORARY_FOLDER},
    };
    const unsigned total = ARRAY_LENGTH(folders) * 256;
    for (unsigned i = 0; i < total; i++) {
        char name[3];
        (void)snprintf(name, sizeof(name), "%02x", i % 256);
        sweep_byte(c, &folders[i / 256], name);
        if (c->spec->progress && c->spec->progress(c->spec->arg, i + 1, total))
            return err_set(err, ERR_CANCELLED,
                           "the collection was ended; what is named was kept");
    }
    return 0;
}

int objects_collect(struct objects *objects, const struct collect_spec *spec,
                    struct collect_result *ret, struct err *err)
{
    struct collection c = {.objects = objects, .spec = spec};
    int rc = 0;
    objects_restore(objects);
    for (size_t i = 0; !rc && i < spec->root_count; i++)
        rc = mark_root(&c, &spec->roots[i], err);
    if (!rc && c.named.count)
        qsort(c.named.list, c.named.count, sizeof(*c.named.list), compare);
    if (!rc)
        rc = sweep(&c, err);
    free(c.named.list);
    *ret = c.result;
    return rc;
}
