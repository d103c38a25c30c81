/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Feeds a fuzz target every file of its corpus, so that each check repeats
 * what fuzzing found: `fuzz-index` reads tests/fuzz/corpus/index, or the
 * folder it is given.  A build with --enable-fuzzers has libFuzzer's main in
 * place of this one.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "core/util/file.h"

#define INPUT_MAX_BYTES ((size_t)4 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Each input in memory of exactly its size, so that sanitizers and valgrind
 * see a read past its end. */
static int feed(int dir_fd, const char *name)
{
    AUTO_BUF input = BUF_INIT(INPUT_MAX_BYTES);
    struct err err = ERR_INIT;
    if (file_read(dir_fd, name, &input, &err)) {
        (void)printf("# %s\n", err.text);
        return -1;
    }
    uint8_t *copy = malloc(input.length);
    if (!copy && input.length)
        return -1;
    if (input.length)
        memcpy(copy, input.data, input.length);
    (void)LLVMFuzzerTestOneInput(copy, input.length);
    free(copy);
    return 0;
}

static int corpus_path(const char *program, char *out, size_t bytes)
{
    const char *name = strrchr(program, '/');
    const char *top = getenv("top_srcdir");
    name = name ? name + 1 : program;
    name = strstr(name, "fuzz-");
    if (!name)
        return -1;
    int used = snprintf(out, bytes, "%s/tests/fuzz/corpus/%s", top ? top : ".",
                        name + strlen("fuzz-"));
    return used > 0 && (size_t)used < bytes ? 0 : -1;
}

int main(int argc, char **argv)
{
    char path[1024];
    if (argc > 1)
        (void)snprintf(path, sizeof(path), "%s", argv[1]);
    else if (corpus_path(argv[0], path, sizeof(path)))
        return 99;
    DIR *dir = opendir(path);
    unsigned count = 0;
    unsigned failed = 0;
    struct dirent *entry;
    while (dir && (entry = readdir(dir)))
        if (entry->d_name[0] != '.') {
            count++;
            failed += feed(dirfd(dir), entry->d_name) != 0;
        }
    if (dir)
        (void)closedir(dir);
    (void)printf("1..1\n%sok 1 - %u inputs of %s\n",
                 count && !failed ? "" : "not ", count, path);
    return count && !failed ? 0 : 1;
}
