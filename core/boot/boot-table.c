/* SPDX-License-Identifier: Apache-2.0 */
/* A sorted array of published names. */
#include "core/boot/boot-table.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "core/util/file.h"
#include "core/util/json.h"

struct boot_table {
    struct boot_file *files; /* sorted by name */
    size_t count;
    size_t capacity;
    void (*listener)(void *arg);
    void *listener_arg;
};

static const char *const root_words[BOOT_ROOTS] = {"state", "data"};

struct boot_table *boot_table_new(void)
{
    return calloc(1, sizeof(struct boot_table));
}

void boot_table_free(struct boot_table *table)
{
    if (!table)
        return;
    free(table->files);
    free(table);
}

static bool name_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool boot_name_ok(const char *name)
{
    size_t length = strnlen(name, BOOT_NAME_BYTES);
    if (length == 0 || length >= BOOT_NAME_BYTES || !name_start(name[0]))
        return false;
    for (size_t i = 1; i < length; i++)
        if (!name_start(name[i]) && !strchr("._-", name[i]))
            return false;
    return true;
}

/* Copies the next component of *path and moves on; false at the end. */
static bool next_component(const char **path, char out[BOOT_PATH_BYTES])
{
    if (**path == '\0')
        return false;
    size_t length = strcspn(*path, "/");
    memcpy(out, *path, length);
    out[length] = '\0';
    *path += length;
    if (**path == '/')
        (*path)++;
    return true;
}

static bool path_ok(const char *path)
{
    char component[BOOT_PATH_BYTES];
    size_t length = strnlen(path, BOOT_PATH_BYTES);
    if (length == 0 || length >= BOOT_PATH_BYTES || path[length - 1] == '/')
        return false;
    while (next_component(&path, component))
        if (!path_component_ok(component))
            return false;
    return true;
}

/* Where `name` is or would have to be inserted. */
static size_t find_place(const struct boot_table *table, const char *name,
                         bool *ret_found)
{
    size_t low = 0;
    size_t high = table->count;
    *ret_found = false;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(table->files[middle].name, name);
        if (order == 0) {
            *ret_found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void changed(struct boot_table *table)
{
    if (table->listener)
        table->listener(table->listener_arg);
}

static int make_room(struct boot_table *table, struct err *err)
{
    if (table->count < table->capacity)
        return 0;
    if (table->count >= BOOT_TABLE_MAX)
        return err_set(err, ERR_TOO_BIG,
                       "there are already %d published boot files, remove "
                       "engine builds that are not used any more",
                       BOOT_TABLE_MAX);
    size_t capacity = MIN(MAX(2 * table->capacity, 16), BOOT_TABLE_MAX);
    struct boot_file *files =
        reallocarray(table->files, capacity, sizeof(*files));
    if (!files)
        return err_set(err, ERR_NO_MEMORY, "no memory for a boot file's name");
    table->files = files;
    table->capacity = capacity;
    return 0;
}

static int check_file(const struct boot_file *file, struct err *err)
{
    if (!boot_name_ok(file->name))
        return err_set(err, ERR_INVALID,
                       "'%.64s' is not a boot file's name, which has up to 64 "
                       "of a-z 0-9 . _ - and begins with a letter or digit",
                       file->name);
    if (file->root >= BOOT_ROOTS || !path_ok(file->path))
        return err_set(err, ERR_INVALID,
                       "boot file '%s' has no proper path below its folder",
                       file->name);
    return 0;
}

static int put_file(struct boot_table *table, const struct boot_file *file,
                    struct err *err)
{
    bool found;
    int code = check_file(file, err);
    if (code)
        return code;
    size_t place = find_place(table, file->name, &found);
    if (!found) {
        code = make_room(table, err);
        if (code)
            return code;
        memmove(table->files + place + 1, table->files + place,
                (table->count - place) * sizeof(*table->files));
        table->count++;
    } else if (table->files[place].immutable &&
               !digest_equal(&table->files[place].digest, &file->digest)) {
        return err_set(err, ERR_CONFLICT,
                       "boot file '%s' is published with another content that "
                       "must not change",
                       file->name);
    }
    table->files[place] = *file;
    return 0;
}

int boot_table_put(struct boot_table *table, const struct boot_file *file,
                   struct err *err)
{
    int code = put_file(table, file, err);
    if (!code)
        changed(table);
    return code;
}

bool boot_table_remove(struct boot_table *table, const char *name)
{
    bool found;
    size_t place = find_place(table, name, &found);
    if (!found)
        return false;
    table->count--;
    memmove(table->files + place, table->files + place + 1,
            (table->count - place) * sizeof(*table->files));
    changed(table);
    return true;
}

const struct boot_file *boot_table_find(const struct boot_table *table,
                                        const char *name)
{
    bool found;
    size_t place = find_place(table, name, &found);
    return found ? &table->files[place] : NULL;
}

size_t boot_table_count(const struct boot_table *table)
{
    return table->count;
}

const struct boot_file *boot_table_at(const struct boot_table *table,
                                      size_t index)
{
    return &table->files[index];
}

void boot_table_listen(struct boot_table *table, void (*fn)(void *arg),
                       void *arg)
{
    table->listener = fn;
    table->listener_arg = arg;
}

json_t *boot_table_to_json(const struct boot_table *table)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < table->count; i++) {
        const struct boot_file *f = &table->files[i];
        char hex[DIGEST_HEX_BYTES];
        json_t *item = json_pack("{s:s, s:s, s:s, s:I, s:s, s:b}", "name",
                                 f->name, "root", root_words[f->root], "path",
                                 f->path, "length", (json_int_t)f->length,
                                 "sha256", digest_hex(&f->digest, hex),
                                 "immutable", (int)f->immutable);
        if (!item || json_array_append_new(list, item)) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static int file_from_json(const json_t *json, const char *path,
                          struct boot_file *ret, struct err *err)
{
    struct json_reader r;
    memset(ret, 0, sizeof(*ret));
    json_reader_init(&r, json, path, err);
    const char *name = json_get_text(&r, "name");
    const char *root = json_get_text(&r, "root");
    const char *file = json_get_text(&r, "path");
    const char *hex = json_get_text(&r, "sha256");
    ret->length = json_get_u64(&r, "length", 0, INT64_MAX);
    ret->immutable = json_get_bool(&r, "immutable");
    int code = json_done(&r);
    if (code)
        return code;
    if (strlen(name) >= sizeof(ret->name))
        return json_reader_fail(&r, "name", "is too long");
    if (strlen(file) >= sizeof(ret->path))
        return json_reader_fail(&r, "path", "is too long");
    memcpy(ret->name, name, strlen(name) + 1);
    memcpy(ret->path, file, strlen(file) + 1);
    ret->root = strcmp(root, root_words[BOOT_ROOT_STATE]) == 0 ? BOOT_ROOT_STATE
                                                               : BOOT_ROOT_DATA;
    if (strcmp(root, root_words[ret->root]) != 0)
        return json_reader_fail(&r, "root", "must be 'state' or 'data'");
    return digest_parse(hex, &ret->digest, err);
}

int boot_table_from_json(struct boot_table *table, const json_t *json,
                         struct err *err)
{
    struct boot_table fresh = {0};
    int code = 0;
    if (!json_is_array(json))
        return err_set(err, ERR_INVALID, "the boot table is not a list");
    for (size_t i = 0; !code && i < json_array_size(json); i++) {
        struct boot_file file;
        char path[32];
        (void)snprintf(path, sizeof(path), "$[%zu]", i);
        code = file_from_json(json_array_get(json, i), path, &file, err);
        if (!code)
            code = put_file(&fresh, &file, err);
    }
    if (code) {
        free(fresh.files);
        return code;
    }
    free(table->files);
    table->files = fresh.files;
    table->count = fresh.count;
    table->capacity = fresh.capacity;
    changed(table);
    return 0;
}

/* Component by component, so that no symbolic link is followed on any kernel
 * and no path of ours can leave the root. */
static int open_below(int root, const char *path)
{
    char component[BOOT_PATH_BYTES];
    AUTO_CLOSE int dir = -1;
    int at = root;
    while (next_component(&path, component)) {
        int flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK |
                    (*path == '\0' ? 0 : O_DIRECTORY);
        int fd = openat(at, component, flags);
        if (fd < 0 || *path == '\0')
            return fd;
        if (dir >= 0)
            (void)close(dir); /* it was only read */
        dir = fd;
        at = fd;
    }
    errno = ENOENT;
    return -1;
}

int boot_file_open(const struct boot_file *file, const int roots[BOOT_ROOTS],
                   struct err *err)
{
    struct stat st;
    AUTO_CLOSE int fd = open_below(roots[file->root], file->path);
    if (fd < 0)
        return err_set_errno(err, ERR_IO, errno,
                             "the boot file '%s' cannot be opened", file->name);
    if (fstat(fd, &st) < 0)
        return err_set_errno(err, ERR_IO, errno,
                             "the boot file '%s' cannot be read", file->name);
    if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != file->length)
        return err_set(err, ERR_CORRUPT,
                       "the boot file '%s' is not the file of %llu bytes that "
                       "was published, publish it again",
                       file->name, (unsigned long long)file->length);
    return TAKE_FD(fd);
}
