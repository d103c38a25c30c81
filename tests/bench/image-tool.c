/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Imports a raw image into an object store and restores it to a file, through
 * the same importer and pipeline as server and engine, without a network:
 *
 *   image-tool sample FILE MIB        real files of this machine and zeros
 *   image-tool import FILE STORE [CHUNK_SHIFT [LEVEL [THREADS]]]
 *   image-tool restore|verify STORE ROOT FILE [THREADS]
 *
 * import prints "ROOT SECONDS STORED_BYTES", the others "SECONDS".
 */
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "core/image/disk-format.h"
#include "core/image/import.h"
#include "core/image/reader.h"
#include "core/util/file.h"
#include "core/util/num.h"
#include "tests/unit/pipeline-driver.h"

#define MIB ((uint64_t)1 << 20)
#define IN_FLIGHT 32
#define MAX_OPEN_FOLDERS 16

static const struct seal_secret secret = {1,
                                          {"a secret of 32 bytes for tests!"}};

static int complain(const struct err *err)
{
    (void)fprintf(stderr, "image-tool: %s\n", err->text);
    return 1;
}

static double now_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* nftw passes no argument. */
static struct {
    int fd;
    uint64_t left;
} sample;

static int append_file(const char *path, const struct stat *st, int type,
                       struct FTW *ftw)
{
    static uint8_t data[1 << 20];
    (void)ftw;
    if (type != FTW_F || st->st_size < 65536)
        return 0;
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got;
    while (sample.left && fd >= 0 && (got = read(fd, data, sizeof(data))) > 0) {
        size_t some = (size_t)MIN((uint64_t)got, sample.left);
        if (file_write_all(sample.fd, data, some, NULL))
            return -1;
        sample.left -= some;
    }
    return sample.left ? 0 : 1;
}

/* Three quarters files of /usr, one quarter zeros, as a disk has free space. */
static int make_sample(const char *path, uint64_t mib)
{
    AUTO_CLOSE int fd =
        open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    sample.fd = fd;
    sample.left = mib * MIB * 3 / 4;
    if (fd < 0 || nftw("/usr", append_file, MAX_OPEN_FOLDERS, FTW_PHYS) < 0 ||
        ftruncate(fd, (off_t)(mib * MIB)))
        return 1;
    return fsync(fd) ? 1 : 0;
}

static struct objects *open_store(const char *path, struct err *err)
{
    (void)mkdir(path, 0700);
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return objects_open(fd, err);
}

static int do_import(const char *path, const char *store,
                     const uint64_t options[3])
{
    struct err err = ERR_INIT;
    struct manifest m;
    struct stat st;
    char root[DIGEST_HEX_BYTES];
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    AUTO_OBJECTS struct objects *objects = open_store(store, &err);
    if (!objects || fstat(fd, &st))
        return complain(&err);
    struct import_spec spec = {.fd = fd,
                               .size_bytes = (uint64_t)st.st_size,
                               .kind = IMAGE_BLOB,
                               .chunk_shift = (unsigned)options[0],
                               .level = (int)options[1],
                               .threads = (unsigned)options[2],
                               .secret = &secret};
    double start = now_s();
    if (import_run(objects, &spec, &m, &err))
        return complain(&err);
    (void)printf("%s %.3f %llu\n", digest_hex(&m.index_root, root),
                 now_s() - start, (unsigned long long)m.stored_bytes);
    return 0;
}

static int read_file(void *arg, void *data, size_t length, uint64_t offset,
                     struct err *err)
{
    return file_pread_all(*(const int *)arg, data, length, offset, err);
}

static int disk_hole_of(void *arg, uint64_t offset, uint64_t *ret_bytes,
                        struct err *err)
{
    return disk_hole(arg, offset, ret_bytes, err);
}

static int disk_bytes_of(void *arg, void *data, size_t length, uint64_t offset,
                         struct err *err)
{
    return disk_read(arg, data, length, offset, err);
}

/* The disk in a qcow2 file. */
static int do_convert(const char *path, const char *store)
{
    struct err err = ERR_INIT;
    struct manifest m;
    struct stat st;
    char root[DIGEST_HEX_BYTES];
    AUTO_DISK struct disk *disk = NULL;
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    AUTO_OBJECTS struct objects *objects = open_store(store, &err);
    if (!objects || fstat(fd, &st))
        return complain(&err);
    const struct disk_input input = {read_file, &fd, (uint64_t)st.st_size};
    double start = now_s();
    if (disk_open(DISK_QCOW2, &input, &disk, &err))
        return complain(&err);
    const struct import_source source = {disk_hole_of, disk_bytes_of, disk};
    const struct import_spec spec = {.fd = -1,
                                     .source = &source,
                                     .size_bytes = disk_size_bytes(disk),
                                     .kind = IMAGE_BLOB,
                                     .secret = &secret};
    if (import_run(objects, &spec, &m, &err))
        return complain(&err);
    (void)printf("%s %.3f %llu\n", digest_hex(&m.index_root, root),
                 now_s() - start, (unsigned long long)m.stored_bytes);
    return 0;
}

static int do_pipeline(enum pipeline_mode mode, const char *store,
                       const char *root, const char *path, uint64_t threads)
{
    struct err err = ERR_INIT;
    struct driver driver;
    struct manifest m = {.kind = IMAGE_BLOB, .name = "bench"};
    AUTO_CLOSE int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    AUTO_OBJECTS struct objects *objects = open_store(store, &err);
    if (fd < 0 || !objects || digest_parse(root, &m.index_root, &err))
        return complain(&err);
    AUTO_IMAGE_READER struct image_reader *reader =
        image_reader_new(objects, &secret, &m.index_root, &err);
    if (!reader)
        return complain(&err);
    m.size_bytes = image_reader_root(reader)->size_bytes;
    m.chunk_shift = image_reader_root(reader)->chunk_shift;
    struct stat st;
    if (fstat(fd, &st) || (mode == PIPELINE_FRESH && S_ISREG(st.st_mode) &&
                           ftruncate(fd, (off_t)m.size_bytes)))
        return 1;
    struct pipeline_spec spec = {.mode = mode,
                                 .fd = fd,
                                 .device = path,
                                 .device_bytes = m.size_bytes,
                                 .manifest = &m,
                                 .threads = (unsigned)threads};
    driver_init(&driver, objects, &secret);
    driver.max_in_flight = IN_FLIGHT;
    double start = now_s();
    int rc = driver_run(&driver, &spec, NULL, &err);
    double end = now_s();
    driver_done(&driver);
    if (rc)
        return complain(&err);
    (void)printf("%.3f\n", end - start);
    return 0;
}

int main(int argc, char **argv)
{
    uint64_t n[3] = {0};
    const char *verb = argc > 3 ? argv[1] : "";
    int first = !strcmp(verb, "sample") ? 3 : !strcmp(verb, "import") ? 4 : 5;
    for (int i = 0; i < 3 && first + i < argc; i++)
        if (num_parse_u64(argv[first + i], 0, UINT32_MAX, &n[i], NULL))
            return 2;
    if (!strcmp(verb, "sample"))
        return make_sample(argv[2], n[0]);
    if (!strcmp(verb, "import"))
        return do_import(argv[2], argv[3], n);
    if (!strcmp(verb, "convert"))
        return do_convert(argv[2], argv[3]);
    if (!strcmp(verb, "restore") && argc > 4)
        return do_pipeline(PIPELINE_FRESH, argv[2], argv[3], argv[4], n[0]);
    if (!strcmp(verb, "verify") && argc > 4)
        return do_pipeline(PIPELINE_VERIFY, argv[2], argv[3], argv[4], n[0]);
    (void)fprintf(stderr, "usage: image-tool sample FILE MIB | "
                          "import|convert FILE STORE | "
                          "restore|verify STORE ROOT FILE\n");
    return 2;
}
